import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cgroup } from '../../cgroups/cgroup.ts';
import type { CgroupLayout } from '../../cgroups/cgroup-layout.ts';
import { Slots } from './slots.ts';

const MIB = 2 ** 20;
const RESOURCES = { cpuMillicores: 1500, memoryBytes: 128 * MIB, diskBytes: 64 * MIB, pids: 20 };

/** A directory that looks like version 2 of cgroups, of which this test plays the kernel's part. */
class CgroupVersion2 implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'cgroup-'));
  readonly layout: CgroupLayout = {
    version: 'v2',
    controllers: new Map(),
    unified: this.root,
    mountPoints: [this.root],
  };

  make(path: string): void {
    mkdirSync(join(this.root, path), { recursive: true });
    for (const name of [
      'cgroup.procs',
      'memory.max',
      'memory.swap.max',
      'cpu.max',
      'pids.max',
      'pids.current',
    ])
      writeFileSync(join(this.root, path, name), '');
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}

test('on version 2 each ancestor passes the controllers on, and a slot has one entrance', () => {
  using host = new CgroupVersion2();
  for (const path of ['caisson/a/runner/cell-0', 'caisson/a/runner/cell-1']) host.make(path);
  using slots = new Slots(host.layout, new Cgroup(host.layout, '/caisson/a/runner'), 2);
  for (const path of ['', 'caisson', 'caisson/a', 'caisson/a/runner'])
    assert.equal(host.read(join(path, 'cgroup.subtree_control')), '+memory +pids +cpu', path);
  assert.deepEqual(
    slots.descriptors.map(({ length }) => length),
    [1, 1],
  );
});

test('on version 2 a slot that is taken has the limits of the job, without swap', () => {
  using host = new CgroupVersion2();
  host.make('runner/cell-0');
  using slots = new Slots(host.layout, new Cgroup(host.layout, '/runner'), 1);
  assert.equal(slots.take(RESOURCES)?.index, 0);
  const read = (name: string) => host.read(`runner/cell-0/${name}`);
  assert.equal(read('memory.max'), String((128 + 64 + 64 + 64) * MIB));
  assert.equal(read('memory.swap.max'), '0');
  assert.equal(read('cpu.max'), '150000 100000');
  assert.equal(read('pids.max'), '20');
  assert.equal(slots.take(RESOURCES), undefined);
});

test('a slot with a process left in it is not given back', () => {
  using host = new CgroupVersion2();
  host.make('runner/cell-0');
  using slots = new Slots(host.layout, new Cgroup(host.layout, '/runner'), 1);
  const slot = slots.take(RESOURCES);
  assert.ok(slot);
  writeFileSync(join(host.root, 'runner/cell-0/pids.current'), '1\n');
  assert.throws(() => {
    slots.giveBack(slot);
  }, /1 tasks are left/);
  writeFileSync(join(host.root, 'runner/cell-0/pids.current'), '0\n');
  slots.giveBack(slot);
  assert.equal(slots.free, 1);
});
