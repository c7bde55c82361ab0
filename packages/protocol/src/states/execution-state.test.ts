import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canBecome, EXECUTION_STATUSES, isFinished, QUEUED, RUNNING } from './execution-state.ts';
import type { ExecutionEnd, ExecutionState } from './execution-state.ts';

test('queued and running executions change only to the states of the table', () => {
  const table: [typeof RUNNING | ExecutionEnd, boolean, boolean][] = [
    // next state, from queued, from running
    [RUNNING, true, false],
    [{ status: 'succeeded', reason: null }, false, true],
    [{ status: 'failed', reason: 'exception' }, false, true],
    [{ status: 'failed', reason: 'exit_code' }, false, true],
    [{ status: 'failed', reason: 'out_of_memory' }, false, true],
    [{ status: 'failed', reason: 'kernel_crashed' }, false, true],
    [{ status: 'failed', reason: 'insufficient_capacity' }, false, true],
    [{ status: 'failed', reason: 'sandbox_lost' }, true, true],
    [{ status: 'failed', reason: 'sandbox_unavailable' }, true, true],
    [{ status: 'timed_out', reason: 'timeout' }, false, true],
    [{ status: 'cancelled', reason: 'cancelled' }, true, true],
    [{ status: 'cancelled', reason: 'shutdown' }, true, true],
    [{ status: 'cancelled', reason: 'session_terminated' }, true, true],
  ];
  for (const [next, fromQueued, fromRunning] of table) {
    assert.equal(canBecome(QUEUED, next), fromQueued, `queued: ${JSON.stringify(next)}`);
    assert.equal(canBecome(RUNNING, next), fromRunning, `running: ${JSON.stringify(next)}`);
  }
});

test('a finished execution never changes again', () => {
  for (const status of EXECUTION_STATUSES.filter(isFinished)) {
    const state = { status, reason: null } as ExecutionState;
    assert.equal(canBecome(state, RUNNING), false);
    assert.equal(canBecome(state, { status: 'cancelled', reason: 'shutdown' }), false);
  }
});
