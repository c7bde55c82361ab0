import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageBytes } from '../../workspaces/disk/image-size.ts';
import { promiseOf } from './promises.ts';

const MIB = 2 ** 20;
const resources = { cpuMillicores: 1500, memoryBytes: 512 * MIB, diskBytes: 256 * MIB, pids: 128 };

test('a workspace in memory, /tmp and /dev/shm count as memory', () => {
  const { memoryBytes, diskBytes, cpuMillicores, pids } = promiseOf(resources, 256 * MIB);
  assert.deepEqual([memoryBytes, diskBytes, cpuMillicores, pids], [896 * MIB, 0, 1500, 129]);
});

test('a workspace on disk counts as disk, including the overhead of its file system', () => {
  const { memoryBytes, diskBytes } = promiseOf(resources, 255 * MIB);
  assert.deepEqual([memoryBytes, diskBytes], [640 * MIB, imageBytes(256 * MIB)]);
});
