import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cgroup } from './cgroup.ts';
import { PeakMemory } from './peak-memory.ts';

/** A cgroup whose files are common ones; `set` writes one of them. */
function makeCgroup(version: 'v1' | 'v2') {
  const mountPoint = mkdtempSync(join(tmpdir(), 'caisson-cgroup-'));
  mkdirSync(join(mountPoint, 'one'));
  const controllers = new Map(version === 'v1' ? [['memory', mountPoint]] : []);
  const unified = version === 'v2' ? mountPoint : undefined;
  return {
    cgroup: new Cgroup({ version, controllers, unified, mountPoints: [mountPoint] }, '/one'),
    set: (name: string, bytes: number) => {
      writeFileSync(join(mountPoint, 'one', name), `${bytes}\n`);
    },
    [Symbol.dispose]: () => {
      rmSync(mountPoint, { recursive: true });
    },
  };
}

test("on v2 an earlier job's peak is not told as this one's", () => {
  using v2 = makeCgroup('v2');
  v2.set('memory.peak', 900);
  v2.set('memory.current', 100);
  const peak = new PeakMemory(v2.cgroup);
  v2.set('memory.current', 300);
  peak.look();
  v2.set('memory.current', 200);
  assert.equal(peak.read(), 300);
});

test('on v2 a peak above all earlier ones is told exactly', () => {
  using v2 = makeCgroup('v2');
  v2.set('memory.peak', 900);
  v2.set('memory.current', 100);
  const peak = new PeakMemory(v2.cgroup);
  v2.set('memory.peak', 1000);
  assert.equal(peak.read(), 1000);
});

test('on v2 of a kernel that keeps no peak, it is the most that was seen', () => {
  using v2 = makeCgroup('v2');
  v2.set('memory.current', 100);
  assert.equal(new PeakMemory(v2.cgroup).read(), 100);
});

test('on v1 the peak begins anew', () => {
  using v1 = makeCgroup('v1');
  v1.set('memory.max_usage_in_bytes', 900);
  const peak = new PeakMemory(v1.cgroup);
  v1.set('memory.max_usage_in_bytes', 400);
  assert.equal(peak.read(), 400);
});

test('a cgroup that is gone tells nothing', () => {
  using v2 = makeCgroup('v2');
  assert.equal(new PeakMemory(v2.cgroup).read(), null);
});
