import assert from 'node:assert/strict';
import { test } from 'node:test';
import { victims } from './kill-tree.ts';

const entry = (pid: number, parentPid: number) => ({ pid, parentPid });

test('killing one process ends what it started and what lost its parent, and spares the others', () => {
  const processes = [
    entry(10, 1), // the first
    entry(20, 5), // the kernel that is killed
    entry(21, 20),
    entry(22, 21),
    entry(30, 10), // started by someone that has ended
    entry(40, 6), // another kernel
    entry(41, 40),
    entry(42, 41),
  ];
  assert.deepEqual(victims(processes, 10, new Set([40])), [20, 21, 22, 30]);
});

test('with nothing to spare all but the first process end', () => {
  assert.deepEqual(victims([entry(1, 0), entry(2, 1), entry(3, 2)], 1, new Set()), [2, 3]);
});
