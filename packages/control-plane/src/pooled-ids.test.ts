import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executionId, newExecutionId } from '@caisson/protocol/api';
import { pooledIds } from './pooled-ids.ts';

test('every byte is used once, and requests at the end of a pool get their full length', () => {
  let next = 0;
  const asked: number[] = [];
  const ids = pooledIds((bytes) => {
    asked.push(bytes);
    const made = Buffer.alloc(bytes);
    for (let at = 0; at + 4 <= bytes; at += 4) made.writeUInt32LE((next += 1), at);
    return made;
  });
  const seen = new Set<string>();
  for (let count = 0; count < 10_000; count += 1) {
    const given = ids.random(16);
    assert.equal(given.length, 16);
    seen.add(Buffer.from(given).toString('hex'));
  }
  assert.equal(seen.size, 10_000);
  assert.ok(asked.length < 50, `it asked ${asked.length} times`);
  assert.equal(ids.random(10_000).length, 10_000);
});

test('bytes from the pool do not change when it is refilled', () => {
  const ids = pooledIds();
  const first = ids.random(14);
  const copy = Buffer.from(first);
  for (let count = 0; count < 1000; count += 1) ids.random(14);
  assert.deepEqual(first, copy);
});

test('pooled ids are valid and differ', () => {
  const source = pooledIds();
  const made = Array.from({ length: 1000 }, () => executionId.parse(newExecutionId(source)));
  assert.equal(new Set(made).size, 1000);
});
