#!/bin/sh
# Parses what the type checker does not see: shell scripts, and the programs that run inside sandboxes.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."

# All sources of one kind, one path on a line; none of their names has white space.
sources() { find . -name node_modules -prune -o -name .git -prune -o -type f -name "$1" -print; }

for script in caisson $(sources '*.sh') .ci/run; do
  # Programs that run in the sandboxes' bash, and scripts that ask for it, may use more than POSIX has.
  case "$(head -n 1 "$script")" in
    *bash*) bash -n "$script" ;;
    *) case $script in */kernels/*) bash -n "$script" ;; *) sh -n "$script" ;; esac ;;
  esac
done

for program in $(sources '*.cjs') $(sources '*.mjs'); do
  node_modules/.bin/node --check "$program"
done

# Parsed, not compiled to a file, so that no __pycache__ is left behind.
parse='import ast, sys
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        ast.parse(file.read(), path)'
if command -v python3 >/dev/null 2>&1; then
  # shellcheck disable=SC2046 # one word for each path
  python3 -c "$parse" $(sources '*.py')
else
  echo 'caisson: python3 is needed to check the Python kernels' >&2
  exit 1
fi
