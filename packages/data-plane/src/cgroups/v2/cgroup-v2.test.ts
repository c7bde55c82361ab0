import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeHost } from '../cgroup.testing.ts';

test('the limits are written in one directory, and swap is forbidden', () => {
  using host = new FakeHost('v2');
  const cgroup = host.cgroups.at('/a');
  cgroup.make();
  cgroup.limit({ memoryBytes: 1000, cpuQuotaUs: 50_000, pids: 20 });
  const names = ['memory.max', 'memory.swap.max', 'cpu.max', 'pids.max'];
  assert.deepEqual(
    names.map((name) => host.read(`a/${name}`)),
    ['1000', '0', '50000 100000', '20'],
  );
});

test('the CPU weight is that of the number of processes, within the range of the kernel', () => {
  using host = new FakeHost('v2');
  const cgroup = host.cgroups.at('/a');
  cgroup.make();
  for (const [processes, weight] of [
    [1, '100'],
    [1 / 16, '6'],
    [1000, '10000'],
  ] as const) {
    cgroup.setCpuWeight(processes);
    assert.equal(host.read('a/cpu.weight'), weight);
  }
});

test('a process enters through one file', () => {
  using host = new FakeHost('v2');
  const entrances = host.cgroups.at('/a').entrances();
  assert.deepEqual(
    entrances.map((path) => path.slice(host.root.length)),
    ['/a/cgroup.procs'],
  );
});
