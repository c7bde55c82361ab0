import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSessionId, sessionId, executionId } from './ids.ts';

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
