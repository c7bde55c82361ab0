#!/bin/sh
# The first process of the machine of test-on-other-cgroups.sh: mounts cgroups of the version that the kernel's command line
# names, runs the tests that it names and turns the machine off. The initramfs has mounted /proc, /sys, /dev and /run.
set -u
cd /root/caisson || exit 1
export HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Emulation is many times slower: what hangs is still found, what is slow is not.
TEST_TIMEOUT_MS=900000
export CAISSON_TEST_PATIENCE=10

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
  "$@" && return
  echo "# FAILED: $*"
  failed=yes
  dmesg | tail -n 20
}

test_all() {
  # Left out is what has to get much done before a deadline by the clock.
  run node_modules/.bin/node --test --test-concurrency=1 --test-timeout=$TEST_TIMEOUT_MS --test-reporter=tap \
    --test-skip-pattern='10 GB of output' --test-skip-pattern='endless output to both streams' \
    --test-skip-pattern='100,000 files' "$@"
}

# Workspaces on disk are loop devices; nothing here loads modules for others.
modprobe loop
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
# Half of the time of a start goes into compiling.
export NODE_COMPILE_CACHE=/tmp/node-compile-cache
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
tests=$(sed -n 's/.*caisson\.tests=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' ')
for path in $tests; do
  if [ -d "$path" ]; then test_all "$path"/*.test.ts; else test_all "$path"; fi
done
[ "$failed" = yes ] || echo '# all passed'
sync
echo o >/proc/sysrq-trigger
# The first process must not end before the machine does.
exec sleep 60
