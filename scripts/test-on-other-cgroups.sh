#!/bin/sh
# Runs the tests of the walls, limits and leftovers on Debian's kernel in an emulated machine, which has cgroup v2 alone
# or v1 alone, whatever this host has.
#   test-on-other-cgroups.sh ROOT [v2|v1]...    both, if none is named
# ROOT is a Debian root file system; where there is none, debootstrap makes one. It is kept, so the next time is quicker.
# From the environment: TESTS, the folders or files to run, in this order; MEMORY of the machine; BOOT_SECONDS that it may
# take; MONITOR, where QEMU's monitor listens, as its option -monitor takes it.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."

TESTS=${TESTS:-tests/isolation tests/recovery tests/capacity tests/adversarial}
BOOT_SECONDS=${BOOT_SECONDS:-5400}
IMAGE_SIZE=6G
# The node admits by what the machine has: with less, tests of many sandboxes at once are refused.
MEMORY=${MEMORY:-6G}
INIT=scripts/other-cgroups-init.sh

fail() {
  echo "caisson: $*" >&2
  exit 1
}

[ $# -gt 0 ] || fail 'usage: test-on-other-cgroups.sh ROOT [v2|v1]...'
[ "$(id -u)" = 0 ] || fail 'making a root file system needs root'
[ "$(uname -m)" = x86_64 ] || fail 'the emulated machine is an x86_64, and so this one has to be'
for program in qemu-system-x86_64 mke2fs debootstrap; do
  command -v "$program" >/dev/null || fail 'please install the packages: qemu-system-x86 e2fsprogs debootstrap'
done
root=$1
shift
[ $# -gt 0 ] || set -- v2 v1
for version in "$@"; do
  case $version in v1 | v2) ;; *) fail "there is no cgroup version $version, only v1 and v2" ;; esac
done

# Runs a command in the root. Its mounts go with the command.
# shellcheck disable=SC2016 # the inner shell expands its own arguments
in_root() {
  unshare --mount --propagation private sh -ec '
    root=$1; shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec chroot "$root" env -i HOME=/root DEBIAN_FRONTEND=noninteractive \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
  ' sh "$root" "$@" >&2
}

copy_project() {
  mkdir -p "$root/root/caisson"
  # What npm has installed here is copied; where that is not current, the setup installs it.
  stamp=node_modules/.caisson-package-lock.json
  if cmp -s package-lock.json $stamp && ! cmp -s $stamp "$root/root/caisson/$stamp"; then
    rm -rf "$root/root/caisson/node_modules"
    cp -a node_modules "$root/root/caisson/"
  fi
  # What is installed stays, for the setup to find it.
  find "$root/root/caisson" -name node_modules -prune -o -type f -exec rm {} +
  git ls-files -z --cached --others --exclude-standard --deduplicate |
    tar --create --null --ignore-failed-read --files-from - | tar --extract --no-same-owner -C "$root/root/caisson"
}

[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase bookworm "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >&2
root=$(readlink -f "$root")
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
if ! [ -e "$root/vmlinuz" ] || ! [ -e "$root/sbin/ip" ]; then
  in_root apt-get update -qq
  in_root apt-get install -y -qq --no-install-recommends \
    ca-certificates initramfs-tools iproute2 linux-image-cloud-amd64
fi
copy_project
in_root /root/caisson/scripts/setup.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
mke2fs -q -t ext4 -d "$root" "$work/image" "$IMAGE_SIZE"

# Software emulation everywhere, for KVM within a virtual machine may abort instead of saying that it is not there. The machine's
# clock counts its instructions, one a nanosecond, so that deadlines hold however busy this host is. QEMU does not start a second
# processor by such a clock.
boot() {
  timeout --foreground "$BOOT_SECONDS" qemu-system-x86_64 -accel tcg,thread=single -icount shift=0 \
    -cpu max -smp 1 -m "$MEMORY" \
    -display none -monitor "${MONITOR:-none}" -serial stdio -no-reboot -nic none \
    -kernel "$root/vmlinuz" -initrd "$root/initrd.img" \
    -append "root=/dev/vda rw console=ttyS0 quiet panic=1 init=/root/caisson/$INIT caisson.cgroups=$1 caisson.tests=$(echo "$TESTS" | tr ' ' ,)" \
    -drive "file=$work/image,if=virtio,format=raw,snapshot=on" </dev/null
}

status=0
for version in "$@"; do
  echo "# cgroup $version"
  boot "$version" | tee "$work/log"
  grep -q '^# all passed' "$work/log" || status=1
done
exit "$status"
