import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCgroup } from '../cgroup.testing.ts';
import { CgroupCountersV1 } from './counters.ts';

test('each figure is that of its file, in the unit that it is promised in', () => {
  using cgroup = makeCgroup();
  using counters = new CgroupCountersV1(cgroup.locate);
  cgroup.set('cpuacct.usage', 2_500_000);
  cgroup.set('memory.usage_in_bytes', 1000);
  cgroup.set(
    'memory.stat',
    'rss 1\ntotal_rss 300\ntotal_active_file 100\ntotal_inactive_file 20\ntotal_slab_reclaimable 3',
  );
  cgroup.set('memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 2');
  cgroup.set('pids.current', 7);
  cgroup.set('pids.max', 64);
  assert.deepEqual(
    [counters.cpuMs(), counters.memoryBytes(), counters.heldMemoryBytes(), counters.processMemoryBytes()],
    [2.5, 1000, 877, 300],
  );
  assert.deepEqual([counters.outOfMemoryKills(), counters.pids(), counters.pidLimit()], [2, 7, 64]);
});

test('the peak of memory begins anew', () => {
  using cgroup = makeCgroup();
  using counters = new CgroupCountersV1(cgroup.locate);
  cgroup.set('memory.max_usage_in_bytes', 900);
  const peak = counters.watchPeakMemory();
  cgroup.set('memory.max_usage_in_bytes', 400);
  assert.equal(peak.read(), 400);
});

test('a cgroup that is gone counts nothing, and limits nothing', () => {
  using cgroup = makeCgroup();
  using counters = new CgroupCountersV1(cgroup.locate);
  assert.deepEqual([counters.cpuMs(), counters.heldMemoryBytes(), counters.pids()], [0, 0, 0]);
  assert.deepEqual([counters.pidLimit(), counters.watchPeakMemory().read()], [Infinity, null]);
});
