import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCgroup } from '../cgroup.testing.ts';
import { CgroupCountersV2 } from './counters.ts';

test('each figure is that of its file, in the unit that it is promised in', () => {
  using cgroup = makeCgroup();
  using counters = new CgroupCountersV2(cgroup.locate);
  cgroup.set('cpu.stat', 'usage_usec 2500\nuser_usec 2000');
  cgroup.set('memory.current', 1000);
  cgroup.set('memory.stat', 'anon 300\nactive_file 100\ninactive_file 20\nslab_reclaimable 3');
  cgroup.set('memory.events', 'oom 5\noom_kill 2');
  cgroup.set('pids.current', 7);
  cgroup.set('pids.max', 'max');
  assert.deepEqual(
    [counters.cpuMs(), counters.memoryBytes(), counters.heldMemoryBytes(), counters.processMemoryBytes()],
    [2.5, 1000, 877, 300],
  );
  assert.deepEqual([counters.outOfMemoryKills(), counters.pids(), counters.pidLimit()], [2, 7, Infinity]);
});

test("an earlier job's peak is not told as this one's", () => {
  using cgroup = makeCgroup();
  using counters = new CgroupCountersV2(cgroup.locate);
  cgroup.set('memory.peak', 900);
  cgroup.set('memory.current', 100);
  const peak = counters.watchPeakMemory();
  cgroup.set('memory.current', 300);
  peak.look();
  cgroup.set('memory.current', 200);
  assert.equal(peak.read(), 300);
});

test('a peak above all earlier ones is told exactly', () => {
  using cgroup = makeCgroup();
  using counters = new CgroupCountersV2(cgroup.locate);
  cgroup.set('memory.peak', 900);
  cgroup.set('memory.current', 100);
  const peak = counters.watchPeakMemory();
  cgroup.set('memory.peak', 1000);
  assert.equal(peak.read(), 1000);
});

test('where the kernel keeps no peak, it is the most that was seen', () => {
  using cgroup = makeCgroup();
  using counters = new CgroupCountersV2(cgroup.locate);
  cgroup.set('memory.current', 100);
  assert.equal(counters.watchPeakMemory().read(), 100);
});

test('a cgroup that is gone counts nothing', () => {
  using cgroup = makeCgroup();
  using counters = new CgroupCountersV2(cgroup.locate);
  assert.deepEqual([counters.cpuMs(), counters.heldMemoryBytes(), counters.pids()], [0, 0, 0]);
  assert.equal(counters.watchPeakMemory().read(), null);
});
