import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextSessionState, SESSION_STATUSES } from './session-state.ts';
import type { SessionEvent, SessionStatus } from './session-state.ts';

test('every event in every state has the result in the table', () => {
  const events: SessionEvent[] = [
    { type: 'created' },
    { type: 'paused' },
    { type: 'resumed' },
    { type: 'terminated', reason: 'idle_timeout' },
  ];
  const table: Record<SessionStatus, (SessionStatus | undefined)[]> = {
    creating: ['running', undefined, undefined, 'terminated'],
    running: [undefined, 'paused', undefined, 'terminated'],
    paused: [undefined, undefined, 'running', 'terminated'],
    terminated: [undefined, undefined, undefined, undefined],
  };
  for (const status of SESSION_STATUSES) {
    const reached = events.map((event) => nextSessionState({ status, reason: null }, event)?.status);
    assert.deepEqual(reached, table[status], status);
  }
});

test('a terminated session has a reason', () => {
  const ended = nextSessionState(
    { status: 'running', reason: null },
    { type: 'terminated', reason: 'sandbox_lost' },
  );
  assert.deepEqual(ended, { status: 'terminated', reason: 'sandbox_lost' });
});
