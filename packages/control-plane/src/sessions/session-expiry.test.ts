import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionStatus } from '@caisson/protocol/api';
import { checkExpiry } from './session-expiry.ts';

test('a session is kept or ended according to the table', () => {
  const table: [
    SessionStatus,
    at: number,
    expires: number,
    idle: number | null,
    used: number,
    steps: number,
    string,
  ][] = [
    ['running', 99, 100, null, 0, 0, 'keep'],
    ['running', 100, 100, null, 0, 0, 'timeout'],
    ['running', 100, 100, null, 0, 3, 'timeout'],
    ['running', 50, 100, 20, 31, 0, 'keep'],
    ['running', 50, 100, 20, 30, 0, 'idle_timeout'],
    ['running', 50, 100, 20, 30, 1, 'keep'],
    ['paused', 50, 100, 20, 30, 0, 'idle_timeout'],
    ['paused', 100, 100, null, 0, 0, 'timeout'],
    ['creating', 100, 100, null, 0, 0, 'timeout'],
    ['running', 100, 100, 20, 0, 0, 'timeout'],
    ['terminated', 200, 100, 20, 0, 0, 'keep'],
  ];
  for (const [status, at, expiresAt, idleTimeoutMs, lastUsedAt, steps, expected] of table) {
    const state = { status, reason: null };
    const check = checkExpiry(at, { state, expiresAt, idleTimeoutMs, lastUsedAt }, steps);
    assert.equal(check.keep ? 'keep' : check.reason, expected, JSON.stringify([status, at, steps]));
  }
});
