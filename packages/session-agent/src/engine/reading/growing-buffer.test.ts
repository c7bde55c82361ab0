import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GrowingBuffer } from './growing-buffer.ts';

test('it gives what it was given, and then has nothing', () => {
  const buffer = new GrowingBuffer();
  const pieces = Array.from({ length: 300 }, (_, index) => Buffer.alloc(index * 7, index));
  for (const piece of pieces) buffer.append(piece);
  const taken = buffer.take();
  buffer.append(Buffer.from('next'));
  assert.deepEqual(taken, Buffer.concat(pieces));
  assert.deepEqual([buffer.length, buffer.take().toString(), buffer.length], [4, 'next', 0]);
});
