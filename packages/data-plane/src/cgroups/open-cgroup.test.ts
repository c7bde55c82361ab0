import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cgroup } from './cgroup.ts';
import { OpenCgroup } from './open-cgroup.ts';

function makeCgroup() {
  const mountPoint = mkdtempSync(join(tmpdir(), 'caisson-cgroup-'));
  mkdirSync(join(mountPoint, 'one'));
  const layout = {
    version: 'v2',
    controllers: new Map(),
    unified: mountPoint,
    mountPoints: [mountPoint],
  } as const;
  const open = new OpenCgroup(new Cgroup(layout, '/one'));
  return {
    open,
    path: (name: string) => join(mountPoint, 'one', name),
    [Symbol.dispose]: () => {
      open[Symbol.dispose]();
      rmSync(mountPoint, { recursive: true });
    },
  };
}

test('each read tells what is in the file at that moment', () => {
  using cgroup = makeCgroup();
  for (const value of ['1\n', '2\n']) {
    writeFileSync(cgroup.path('pids.current'), value);
    assert.equal(cgroup.open.read('pids', 'pids.current'), value);
  }
});

test('a file that was not there is read once it is', () => {
  using cgroup = makeCgroup();
  assert.equal(cgroup.open.read('memory', 'memory.peak'), undefined);
  assert.equal(cgroup.open.write('memory', 'memory.peak', '0'), false);
  writeFileSync(cgroup.path('memory.peak'), '7\n');
  assert.equal(cgroup.open.read('memory', 'memory.peak'), '7\n');
});

test('each write begins at the beginning', () => {
  using cgroup = makeCgroup();
  writeFileSync(cgroup.path('memory.max'), '5\n');
  for (const value of ['1', '2']) assert.ok(cgroup.open.write('memory', 'memory.max', value));
  assert.equal(readFileSync(cgroup.path('memory.max'), 'utf8'), '2\n');
});

test('what still measures when it is closed finds nothing, and not the file that has the number now', () => {
  using cgroup = makeCgroup();
  writeFileSync(cgroup.path('pids.current'), '1\n');
  cgroup.open.read('pids', 'pids.current');
  cgroup.open[Symbol.dispose]();
  assert.equal(cgroup.open.read('pids', 'pids.current'), undefined);
  assert.equal(cgroup.open.write('pids', 'pids.current', '2'), false);
});
