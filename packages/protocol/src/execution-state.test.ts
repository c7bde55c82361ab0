import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextExecutionState, EXECUTION_STATUSES, isFinished, QUEUED } from './execution-state.ts';
import type { ExecutionEvent, ExecutionState } from './execution-state.ts';

const RUNNING: ExecutionState = { status: 'running', reason: null };

test('every event in a waiting and in a running execution leads where the table says', () => {
  const table: [ExecutionEvent, string | undefined, string | undefined][] = [
    // event, from queued, from running
    [{ type: 'dispatched' }, 'running/null', undefined],
    [{ type: 'succeeded' }, undefined, 'succeeded/null'],
    [{ type: 'failed', reason: 'exception' }, undefined, 'failed/exception'],
    [{ type: 'failed', reason: 'exit_code' }, undefined, 'failed/exit_code'],
    [{ type: 'failed', reason: 'out_of_memory' }, undefined, 'failed/out_of_memory'],
    [{ type: 'failed', reason: 'kernel_crashed' }, undefined, 'failed/kernel_crashed'],
    [{ type: 'failed', reason: 'sandbox_lost' }, 'failed/sandbox_lost', 'failed/sandbox_lost'],
    [
      { type: 'failed', reason: 'sandbox_unavailable' },
      'failed/sandbox_unavailable',
      'failed/sandbox_unavailable',
    ],
    [{ type: 'timed_out' }, undefined, 'timed_out/timeout'],
    [{ type: 'cancelled', reason: 'cancelled' }, 'cancelled/cancelled', 'cancelled/cancelled'],
    [{ type: 'cancelled', reason: 'shutdown' }, 'cancelled/shutdown', 'cancelled/shutdown'],
    [
      { type: 'cancelled', reason: 'session_terminated' },
      'cancelled/session_terminated',
      'cancelled/session_terminated',
    ],
  ];
  const show = (state: ExecutionState | undefined) => state && `${state.status}/${state.reason}`;
  for (const [event, fromQueued, fromRunning] of table) {
    assert.equal(show(nextExecutionState(QUEUED, event)), fromQueued, `queued: ${JSON.stringify(event)}`);
    assert.equal(show(nextExecutionState(RUNNING, event)), fromRunning, `running: ${JSON.stringify(event)}`);
  }
});

test('a finished execution never changes again', () => {
  for (const status of EXECUTION_STATUSES.filter(isFinished)) {
    assert.equal(nextExecutionState({ status, reason: null }, { type: 'dispatched' }), undefined);
    assert.equal(
      nextExecutionState({ status, reason: null }, { type: 'cancelled', reason: 'shutdown' }),
      undefined,
    );
  }
});
