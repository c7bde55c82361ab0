#!/bin/sh
# The tests make real sandboxes. Where that cannot be, they fail at once and say why, instead of being skipped.
set -eu
if [ "$(uname -s)" != Linux ]; then
  echo "caisson: the tests make real sandboxes and need Linux" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "caisson: the tests make real sandboxes and need root" >&2
  exit 1
fi
