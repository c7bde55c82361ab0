import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuntimeHealth } from '@caisson/protocol/ports';
import { ApiError } from '@caisson/sdk';
import { CliFailure } from '../failure.ts';
import { anExecution, aSession } from '../../../../tests/support/api-values.ts';
import { renderDoctor } from './doctor.ts';
import { renderFailure } from './failure.ts';
import { renderEnding, renderReport } from './report.ts';
import { renderSessions } from './sessions.ts';

test('a failure is its message and what to do, in lines that no terminal obeys', () => {
  const failure = new CliFailure('queue: full\u001b[2J\nreally', { suggestions: ['Try again.'] });
  assert.equal(renderFailure(failure), 'caisson: queue: full [2J really\n  Try again.\n');
  assert.equal(renderFailure(new Error('no stack')), 'caisson: no stack\n');
  const refused = new ApiError('queue_full', 'queue: is full', { suggestion: 'Try again in 2 seconds.' });
  assert.equal(renderFailure(refused), 'caisson: queue: is full\n  Try again in 2 seconds.\n');
  assert.match(
    renderFailure(new ApiError('connection_failed', 'cannot reach it')),
    /\n {2}Start a server with "caisson serve"/,
  );
});

test('doctor tells what works, what does not, and what to do about it', () => {
  const runtime: RuntimeHealth = {
    name: 'crun',
    isolation: 'container',
    version: '1.8.1',
    available: true,
    chosen: true,
    problems: [],
  };
  const broken = { ...runtime, name: 'runc', version: null, available: false, chosen: false } as const;
  assert.equal(
    renderDoctor([runtime, { ...broken, problems: ['install the package runc'] }]),
    '✓ crun 1.8.1 (container): works (in use)\n✗ runc (container): does not work\n    install the package runc\n\nThis host can run code in sandboxes.\n',
  );
  assert.match(renderDoctor([broken]), /cannot create sandboxes yet\.\n$/);
});

test('an ending is told with the traceback, and nothing is said of code that ended itself', () => {
  assert.equal(renderEnding(anExecution({})), undefined);
  assert.equal(renderEnding(anExecution({ status: 'failed', reason: 'exit_code', exit_code: 3 })), undefined);
  const traceback = ['Traceback:\n', '  line 1\n    f()\n', 'ValueError: x'];
  const failed = { status: 'failed', reason: 'exception' } as const;
  assert.equal(
    renderEnding(anExecution({ ...failed, error: { name: 'ValueError', message: 'x', traceback } })),
    'Traceback:\n  line 1\n    f()\nValueError: x\n',
  );
  assert.equal(
    renderEnding(anExecution({ ...failed, error: { name: 'ValueError', message: 'x', traceback: [] } })),
    'ValueError: x\n',
  );
  assert.match(renderEnding(anExecution({ status: 'timed_out', reason: 'timeout' })) ?? '', /time limit/);
  assert.match(
    renderEnding(anExecution({ status: 'failed', reason: 'out_of_memory', kernel_restarted: true })) ?? '',
    /memory limit reached, code killed; the session lost its state/,
  );
});

test('a report tells the isolation and the times, and leaves out what is not known', () => {
  const report = renderReport(anExecution({}), 1234.5);
  assert.match(report, /^isolation: +container \(runtime crun, scope sandbox\)$/m);
  assert.match(report, /^duration: +12.3 ms, 0 ms in the queue, 1235 ms from request to result$/m);
  assert.doesNotMatch(report, /null|cpu/);
});

test('sessions are a table whose columns fit', () => {
  const lines = renderSessions([aSession({}), aSession({ status: 'terminated', reason: 'timeout' })]).split(
    '\n',
  );
  assert.match(lines[0] ?? '', /^SESSION +STATUS +TEMPLATE/);
  assert.match(lines[2] ?? '', /terminated \(timeout\)/);
  assert.equal(lines[0]?.indexOf('TEMPLATE'), lines[1]?.indexOf('python'));
});
