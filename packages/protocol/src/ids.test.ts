import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executionId, newSessionId, nodeId, replicaId, sessionId } from './ids.ts';

test('an id made later sorts after one made earlier', () => {
  const at = (ms: number) => newSessionId({ nowMs: () => ms, random: (bytes) => Buffer.alloc(bytes, 0xff) });
  assert.ok(at(1_000) < at(1_001));
  assert.ok(at(1_700_000_000_000) < at(1_800_000_000_000));
});

test('two ids of the same millisecond differ', () => {
  const ids = new Set(Array.from({ length: 1000 }, () => newSessionId()));
  assert.equal(ids.size, 1000);
});

test('a new id is one that its schema takes, and no other kind takes it', () => {
  const id = newSessionId();
  assert.equal(sessionId.parse(id), id);
  assert.equal(executionId.safeParse(id).success, false);
});

test('an id of another shape is refused', () => {
  for (const text of [
    '',
    'ses_',
    'ses_short',
    `ses_${'u'.repeat(32)}`,
    `${newSessionId()}0`,
    `../${newSessionId()}`,
  ]) {
    assert.equal(sessionId.safeParse(text).success, false, text);
  }
});

test('names of nodes and replicas are fit for paths and log lines', () => {
  for (const name of ['node-1', 'A.b_c', 'x'.repeat(64)]) {
    assert.equal(nodeId.parse(name), name);
    assert.equal(replicaId.parse(name), name);
  }
  for (const name of ['', 'a b', 'a/b', '..', '.', 'a\n', 'é', 'x'.repeat(65)]) {
    assert.equal(nodeId.safeParse(name).success, false, name);
    assert.equal(replicaId.safeParse(name).success, false, name);
  }
});
