import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecutionStatus } from '@caisson/protocol/api';
import { exitCodeOf, exitCodeOfSignal } from './exit-code.ts';

test('the exit code tells how the execution ended', () => {
  const cases: [ExecutionStatus, number | null, number][] = [
    ['succeeded', 0, 0],
    ['succeeded', null, 0],
    ['failed', 3, 3],
    ['failed', 255, 255],
    ['failed', 256, 1],
    ['failed', 0, 1],
    ['failed', -1, 255],
    ['failed', null, 1],
    ['timed_out', null, 124],
    ['cancelled', null, 130],
    ['cancelled', 7, 130],
  ];
  for (const [status, code, expected] of cases) {
    assert.equal(exitCodeOf({ status, exit_code: code }), expected, `${status} ${code ?? 'null'}`);
  }
});

test('a signal ends us with the code that shells know', () => {
  assert.deepEqual([exitCodeOfSignal('SIGINT'), exitCodeOfSignal('SIGTERM')], [130, 143]);
});
