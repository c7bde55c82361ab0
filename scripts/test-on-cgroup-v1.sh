#!/bin/bash
# Runs tests on a host that has v1 and v2 of cgroups, or v1 alone, as on one with v1 alone: at full speed, with this host's kernel.
#   test-on-cgroup-v1.sh [FILE]...    all of walls, limits, leftovers and hostile code, if none is named
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

ROOT=/sys/fs/cgroup

if [ "${1-}" != --in-namespace ]; then
  [ "$(stat -f -c %T $ROOT)" = tmpfs ] || { echo 'caisson: this host has cgroup v2 alone' >&2; exit 1; }
  # Its mounts go with it.
  exec unshare --mount --propagation private "$0" --in-namespace "$@"
fi
shift

# As on such a host, there is no directory for v2 either: crun would make its own in it.
seen=$(mktemp -d)
mount -t tmpfs -o mode=755 cgroup "$seen"
for path in $ROOT/*; do
  if [ -L "$path" ]; then
    cp -P "$path" "$seen/"
  elif [ "$(stat -f -c %T "$path")" = cgroupfs ]; then
    mkdir "$seen/${path##*/}"
    mount --bind "$path" "$seen/${path##*/}"
  fi
done
umount --recursive $ROOT
mount --move "$seen" $ROOT
rmdir "$seen"

[ $# -gt 0 ] || set -- tests/{isolation,recovery,capacity,adversarial}/*.test.ts
exec node_modules/.bin/node --test --test-concurrency=1 --test-timeout=180000 "$@"
