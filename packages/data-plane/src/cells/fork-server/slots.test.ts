import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeHost } from '../../cgroups/cgroup.testing.ts';
import { Slots } from './slots.ts';

const MIB = 2 ** 20;
const RESOURCES = { cpuMillicores: 1500, memoryBytes: 128 * MIB, diskBytes: 64 * MIB, pids: 20 };

/** A host with cgroup v2, and the cgroups `paths` with the files of the kernel. */
function makeHost(...paths: readonly string[]): FakeHost {
  const host = new FakeHost('v2');
  const names = ['cgroup.procs', 'memory.max', 'memory.swap.max', 'cpu.max', 'pids.max', 'pids.current'];
  for (const path of paths) for (const name of names) host.set(join(path, name));
  return host;
}

test('on version 2 each ancestor passes the controllers on, and a slot has one entrance', () => {
  using host = makeHost('caisson/a/runner/cell-0', 'caisson/a/runner/cell-1');
  using slots = new Slots(host.cgroups, host.cgroups.at('/caisson/a/runner'), 2);
  for (const path of ['', 'caisson', 'caisson/a', 'caisson/a/runner'])
    assert.equal(host.read(join(path, 'cgroup.subtree_control')), '+memory +pids +cpu', path);
  assert.deepEqual(
    slots.descriptors.map(({ length }) => length),
    [1, 1],
  );
});

test('on version 2 a slot that is taken has the limits of the job, without swap', () => {
  using host = makeHost('runner/cell-0');
  using slots = new Slots(host.cgroups, host.cgroups.at('/runner'), 1);
  assert.equal(slots.take(RESOURCES)?.index, 0);
  const read = (name: string) => host.read(`runner/cell-0/${name}`);
  assert.equal(read('memory.max'), String((128 + 64 + 64 + 64) * MIB));
  assert.equal(read('memory.swap.max'), '0');
  assert.equal(read('cpu.max'), '150000 100000');
  assert.equal(read('pids.max'), '20');
  assert.equal(slots.take(RESOURCES), undefined);
});

test('a slot with a process left in it is not given back', () => {
  using host = makeHost('runner/cell-0');
  using slots = new Slots(host.cgroups, host.cgroups.at('/runner'), 1);
  const slot = slots.take(RESOURCES);
  assert.ok(slot);
  host.set('runner/cell-0/pids.current', '1\n');
  assert.throws(() => {
    slots.giveBack(slot);
  }, /1 tasks are left/);
  host.set('runner/cell-0/pids.current', '0\n');
  slots.giveBack(slot);
  assert.equal(slots.free, 1);
});
