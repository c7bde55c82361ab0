import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Template } from '@caisson/protocol/ports';
import { resourcesOf } from './templates.ts';

const DEFAULTS = { cpuMillicores: 1000, memoryBytes: 512 * 2 ** 20, diskBytes: 2 ** 28, pids: 128 };
const TEMPLATE: Template = { id: 'python', description: '', languages: ['python'], resources: DEFAULTS };
const MAXIMUM = { cpuMillicores: 2000, memoryBytes: 2 ** 30, diskBytes: 2 ** 30, pids: 256 };

test('unrequested resources are the defaults, the same object if none is requested', () => {
  assert.equal(resourcesOf(TEMPLATE, undefined, MAXIMUM), DEFAULTS);
  assert.deepEqual(resourcesOf(TEMPLATE, { pids: 16 }, MAXIMUM), { ...DEFAULTS, pids: 16 });
});

test('requested resources are limited to the maximum', () => {
  const { cpuMillicores: cpu, memoryBytes: memory, diskBytes: disk, pids } = MAXIMUM;
  assert.deepEqual(resourcesOf(TEMPLATE, { cpu, memory, disk, pids }, MAXIMUM), MAXIMUM);
  const tooMuch = [
    ['cpu', cpu, '2'],
    ['memory', memory, '1Gi'],
    ['disk', disk, '1Gi'],
    ['pids', pids, '256'],
  ] as const;
  for (const [name, most, limit] of tooMuch) {
    assert.throws(() => resourcesOf(TEMPLATE, { [name]: most + 1 }, MAXIMUM), {
      code: 'validation_failed',
      message: `resources.${name}: must be at most ${limit} on this server`,
    });
  }
});

test('defaults are reduced to the maximum of a small server', () => {
  const small = { cpuMillicores: 500, memoryBytes: 2 ** 27, diskBytes: 2 ** 26, pids: 64 };
  assert.deepEqual(resourcesOf(TEMPLATE, undefined, small), small);
  assert.deepEqual(resourcesOf(TEMPLATE, { pids: 8 }, small), { ...small, pids: 8 });
});
