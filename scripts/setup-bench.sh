#!/bin/sh
# Brings what the benchmark compares with, and does nothing on the second run. setup.sh has been run before.
set -eu

say() { echo "caisson: $*" >&2; }

has() { command -v "$1" >/dev/null 2>&1; }

# Python's own finder, for an import of pandas takes a while. Debian's interpreter is what the sandboxes have.
has_module() {
  /usr/bin/python3 -c 'import sys, importlib.util as u; sys.exit(u.find_spec(sys.argv[1]) is None)' "$1"
}

missing_packages() {
  [ -x /usr/bin/bwrap ] || echo bubblewrap
  has_module numpy || echo python3-numpy
  has_module pandas || echo python3-pandas
}

# shellcheck disable=SC2046 # one word for each package
set -- $(missing_packages)
[ $# -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! has apt-get; then
  say "please install the packages: $*"
  exit 1
fi
say "installing the packages: $*"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends "$@" >&2
