import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CgroupFiles } from './cgroup-files.ts';

function makeCgroup() {
  const directory = mkdtempSync(join(tmpdir(), 'caisson-cgroup-'));
  const path = (name: string) => join(directory, name);
  const open = new CgroupFiles((_controller, name) => path(name));
  return {
    open,
    path,
    [Symbol.dispose]: () => {
      open[Symbol.dispose]();
      rmSync(directory, { recursive: true });
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
