import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeCapacity } from './capacity.ts';
import type { HostFigures } from './host-figures.ts';
import { nodeOptions } from '../node-options.ts';
import type { NodeOptionsInput } from '../node-options.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const LARGE: HostFigures = {
  memoryBytes: 24 * GIB,
  cores: 2,
  pids: 32_768,
  descriptors: 20_000,
  disk: { totalBytes: 200 * GIB, availableBytes: 100 * GIB },
};
const SMALL: HostFigures = { ...LARGE, memoryBytes: 768 * MIB, cores: 1, pids: 1000, disk: undefined };

function capacity(host: HostFigures, options: NodeOptionsInput = {}) {
  return nodeCapacity(host, nodeOptions.parse(options));
}

test('the reserve is a tenth of a large machine and half of a small one', () => {
  const { total, reserveMemoryBytes } = capacity(LARGE);
  assert.equal(reserveMemoryBytes, Math.floor(2.4 * GIB));
  assert.equal(total.memoryBytes, 24 * GIB - reserveMemoryBytes);
  assert.equal(total.pids, 32_768 - 3276);
  assert.equal(total.cpuMillicores, 2000);
  assert.equal(total.descriptors, 15_000);
  assert.equal(total.diskBytes, 80 * GIB);
  assert.deepEqual([capacity(SMALL).total.memoryBytes, capacity(SMALL).total.pids], [384 * MIB, 500]);
});

test('memory, processors and processes can be overcommitted; disk and descriptors cannot', () => {
  const { total, promisable } = capacity(LARGE, { memoryOvercommit: 2, cpuOvercommit: 3, pidsOvercommit: 4 });
  assert.deepEqual(promisable, {
    memoryBytes: 2 * total.memoryBytes,
    cpuMillicores: 3 * total.cpuMillicores,
    pids: 4 * total.pids,
    diskBytes: total.diskBytes,
    descriptors: total.descriptors,
  });
});

test('by default a machine of 24 GiB holds 100 sessions of default size, but not 12 of 12 GiB', () => {
  const { promisable } = capacity(LARGE);
  assert.ok(100 * 896 * MIB < promisable.memoryBytes);
  assert.ok(12 * (12 * GIB + 384 * MIB) > promisable.memoryBytes);
});

const maxima: [string, HostFigures, NodeOptionsInput, Partial<ReturnType<typeof capacity>['maximum']>][] = [
  ['derived from a large machine', LARGE, {}, { cpuMillicores: 2000, diskBytes: 64 * GIB, pids: 4096 }],
  ['derived from a small machine', SMALL, {}, { cpuMillicores: 1000, memoryBytes: 160 * MIB, pids: 125 }],
  ['without a disk what fits into memory', SMALL, {}, { diskBytes: 96 * MIB }],
  [
    'as set',
    LARGE,
    { maxCpuMillicores: 500, maxMemoryBytes: GIB, maxDiskBytes: 2 * GIB, maxPids: 64 },
    { cpuMillicores: 500, memoryBytes: GIB, diskBytes: 2 * GIB, pids: 64 },
  ],
  [
    'never more than there is',
    LARGE,
    { capacityMemoryBytes: 512 * MIB, capacityCpuMillicores: 1000, maxCpuMillicores: 4000 },
    { cpuMillicores: 1000, memoryBytes: 256 * MIB },
  ],
];

for (const [name, host, options, expected] of maxima) {
  test(`the largest request: ${name}`, () => {
    const { maximum } = capacity(host, options);
    assert.deepEqual({ ...maximum, ...expected }, maximum);
  });
}

test('the largest request fits on an empty machine', () => {
  for (const host of [LARGE, SMALL]) {
    const { maximum, total, diskWorkspaceBeyondBytes } = capacity(host);
    assert.ok(maximum.memoryBytes + diskWorkspaceBeyondBytes + 128 * MIB <= total.memoryBytes);
  }
});
