#!/bin/sh
# The first process of the machine of test-on-other-cgroups.sh: mounts cgroups of the version that the kernel's command line
# names, runs the tests and turns the machine off. The initramfs has mounted /proc, /sys, /dev and /run.
set -u
cd /root/caisson || exit 1
export HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Emulation is many times slower: what hangs is still found, what is slow is not.
TEST_TIMEOUT_MS=900000

mount_v1() {
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  # Together and apart as systemd mounts them.
  for names in memory pids cpu,cpuacct cpuset freezer devices blkio net_cls,net_prio perf_event; do
    mkdir "/sys/fs/cgroup/$names"
    mount -t cgroup -o "$names" cgroup "/sys/fs/cgroup/$names"
  done
  ln -s cpu,cpuacct /sys/fs/cgroup/cpu
  ln -s cpu,cpuacct /sys/fs/cgroup/cpuacct
  mkdir /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
}

run() {
  echo "# $*"
  "$@" || { echo "# FAILED: $*"; failed=yes; }
}

test_all() {
  # Left out is what has to get much done before a deadline by the clock.
  run node_modules/.bin/node --test --test-concurrency=1 --test-timeout=$TEST_TIMEOUT_MS --test-reporter=spec \
    --test-skip-pattern='10 GB of output' --test-skip-pattern='endless output to both streams' \
    --test-skip-pattern='100,000 files' "$@"
}

mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
ip link set lo up
# As on a host with much memory: an allocation over the limit is ended by the limit, not refused beforehand.
echo 1 >/proc/sys/vm/overcommit_memory
case $(cat /proc/cmdline) in
  *caisson.cgroups=v1*) mount_v1 ;;
  *) mount -t cgroup2 cgroup2 /sys/fs/cgroup ;;
esac

failed=no
run ./caisson doctor
run ./caisson run examples/hello.py --verbose
test_all tests/isolation/*.test.ts
test_all tests/recovery/*.test.ts
test_all tests/capacity/*.test.ts
test_all tests/adversarial/*.test.ts
[ "$failed" = yes ] || echo '# all passed'
sync
echo o >/proc/sysrq-trigger
# The first process must not end before the machine does.
exec sleep 60
