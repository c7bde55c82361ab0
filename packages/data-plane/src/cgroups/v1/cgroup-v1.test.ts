import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeHost } from '../cgroup.testing.ts';

test('each limit is written in the hierarchy of its controller, and omitted limits stay', () => {
  using host = new FakeHost('v1');
  const cgroup = host.cgroups.at('/a');
  cgroup.make();
  for (const path of ['memory/a', 'pids/a', 'cpu/a', 'cpuacct/a'])
    assert.ok(existsSync(join(host.root, path)), path);
  cgroup.limit({ memoryBytes: 1000, cpuQuotaUs: 50_000, pids: 20 });
  assert.equal(host.read('memory/a/memory.limit_in_bytes'), '1000');
  assert.deepEqual(
    [host.read('cpu/a/cpu.cfs_period_us'), host.read('cpu/a/cpu.cfs_quota_us')],
    ['100000', '50000'],
  );
  cgroup.limit({ pids: 30 });
  assert.deepEqual([host.read('pids/a/pids.max'), host.read('cpu/a/cpu.cfs_quota_us')], ['30', '50000']);
});

test('swap is limited to 0 if it is counted', () => {
  using host = new FakeHost('v1');
  host.set('memory/a/memory.memsw.limit_in_bytes', '5000\n');
  host.cgroups.at('/a').limit({ memoryBytes: 1000 });
  assert.equal(host.read('memory/a/memory.memsw.limit_in_bytes'), '1000');
});

test('a limit that the host does not accept is an error', () => {
  using host = new FakeHost('v1');
  assert.throws(() => {
    host.cgroups.at('/nowhere').limit({ pids: 1 });
  }, /does not accept its limits/);
});

test('a process enters through the tasks file of each hierarchy', () => {
  using host = new FakeHost('v1');
  const names = host.cgroups.at('/a').entrances();
  assert.deepEqual(
    names.map((path) => path.slice(host.root.length)),
    ['/memory/a/tasks', '/pids/a/tasks', '/cpu/a/tasks', '/cpuacct/a/tasks'],
  );
});

test('the CPU weight is that of the number of processes, down to a sixteenth of one', () => {
  using host = new FakeHost('v1');
  const cgroup = host.cgroups.at('/a');
  cgroup.make();
  for (const [processes, shares] of [
    [4, '4096'],
    [1, '1024'],
    [1 / 16, '64'],
  ] as const) {
    cgroup.setCpuWeight(processes);
    assert.equal(host.read('cpu/a/cpu.shares'), shares);
  }
});

test('socket buffers have their own limit', () => {
  using host = new FakeHost('v1');
  const cgroup = host.cgroups.at('/a');
  assert.throws(() => {
    cgroup.limitSocketMemory();
  }, /memory of sockets cannot be limited/);
  cgroup.make();
  cgroup.limitSocketMemory();
  assert.equal(host.read('memory/a/memory.kmem.tcp.limit_in_bytes'), String(16 * 2 ** 20));
});
