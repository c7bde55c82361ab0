#!/bin/sh
# Brings what is missing on a fresh machine, and does nothing on the second run.
#   setup.sh        all that is needed to make sandboxes here
#   setup.sh node   only Node.js and the npm packages, enough to talk to a server elsewhere
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."

STAMP=node_modules/.caisson-package-lock.json
NODE=node_modules/.bin/node
# runc and mount are in /usr/sbin on some systems, which not every user has in the path.
PATH="$PATH:/usr/sbin:/sbin"

say() { echo "caisson: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

can_install() { [ "$(id -u)" = 0 ] && has apt-get; }

install_packages() {
  say "installing the packages: $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2
  # shellcheck disable=SC2086 # one word for each package
  apt-get install -y -qq --no-install-recommends $* >&2
}

require_packages() {
  [ $# -gt 0 ] || return 0
  can_install || fail "please install the packages: $*"
  install_packages "$@"
}

require_npm() {
  if has node && has npm; then return 0; fi
  can_install || fail 'please install Node.js, of any version, with npm (packages: nodejs npm)'
  # A nodejs that is not Debian's own brings an npm with it, and conflicts with Debian's.
  if has node; then install_packages npm; else install_packages nodejs; fi
  has npm || install_packages npm
}

npm_packages_are_current() { cmp -s package-lock.json "$STAMP" && [ -x "$NODE" ]; }

install_npm_packages() {
  require_npm
  say 'installing the npm packages'
  rm -f "$STAMP"
  # On an older Node, npm warns for each package that wants the pinned one, which is not there yet.
  npm ci --no-audit --no-fund --no-progress --loglevel=error >&2
  # Where npm runs no install scripts, the pinned Node is still missing.
  [ -x "$NODE" ] || (cd node_modules/node && node installArchSpecificPackage.js >&2)
  "$NODE" --version >/dev/null || fail 'the npm package "node" did not bring a Node.js that runs here'
  cp package-lock.json "$STAMP"
}

# Sandboxes see the host's /usr: Python has to be there, with all of its library, which python3-minimal lacks.
has_python() { [ -x /usr/bin/python3 ] && ls /usr/lib/python3*/asyncio/__init__.py >/dev/null 2>&1; }

missing_host_packages() {
  has crun || echo crun
  has runc || echo runc
  has catatonit || echo catatonit
  has unshare || echo util-linux
  has mke2fs || echo e2fsprogs
  if ! has mount || ! has umount; then echo mount; fi
  [ -x /bin/bash ] || echo bash
  has_python || echo python3
}

# A sandbox cannot keep what Python compiles, for it sees the kernel read-only: each start would compile it anew.
compile_python_kernel() {
  kernel=packages/session-agent/src/kernels/python
  compiled=$kernel/caisson_kernel/__pycache__
  [ -d "$compiled" ] && [ -z "$(find $kernel -name '*.py' -newer "$compiled")" ] && return 0
  rm -rf "$compiled"
  /usr/bin/python3 -m compileall -q "$kernel"
}

# The same for Node. Without a channel the kernel ends as soon as it has started, and leaves what it compiled.
compile_javascript_kernel() {
  kernel=packages/session-agent/src/kernels/javascript
  compiled=$kernel/.compile-cache
  [ -d "$compiled" ] && [ -z "$(find $kernel -name '*.cjs' -newer "$compiled")" ] && return 0
  rm -rf "$compiled"
  NODE_COMPILE_CACHE=$PWD/$compiled NODE_COMPILE_CACHE_PORTABLE=1 \
    "$NODE" "$kernel/kernel.cjs" 3</dev/null 4>/dev/null </dev/null >/dev/null 2>&1 || true
  # Where it could not be made, kernels start all the same.
  mkdir -p "$compiled"
  # Node looks for what the user that runs it has compiled, and that is always 1000 in a sandbox.
  for directory in "$compiled"/*-"$(id -u)"; do
    if [ -d "$directory" ]; then mv "$directory" "${directory%-*}-1000"; fi
  done
  # What sandboxes see must be readable for others than its owner, whatever the umask was.
  chmod -R a+rX "$kernel/.." node_modules/node/bin node_modules/acorn/dist
}

npm_packages_are_current || install_npm_packages
if [ "${1-all}" != node ]; then
  # shellcheck disable=SC2046 # one word for each package
  require_packages $(missing_host_packages)
  compile_python_kernel
  compile_javascript_kernel
fi
