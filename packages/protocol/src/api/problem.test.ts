import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaissonError, ERROR_KINDS } from '../errors.ts';
import { problemSchema, toProblem } from './problem.ts';

test('a problem names the field, what was wrong with it, and the request', () => {
  const error = new CaissonError('validation_failed', {
    fields: [{ field: 'timeout', message: 'must be at least 1' }],
  });
  assert.deepEqual(toProblem(error, 'req_1'), {
    type: '/docs/errors#validation_failed',
    title: 'Validation failed',
    status: 422,
    code: 'validation_failed',
    detail: 'timeout: must be at least 1',
    errors: [{ field: 'timeout', message: 'must be at least 1' }],
    request_id: 'req_1',
  });
});

test('a problem is what its schema says, with a suggestion where there is one', () => {
  const problem = toProblem(new CaissonError('queue_full', { limit: 5, retryAfterSeconds: 2 }));
  assert.deepEqual(problemSchema.parse(problem), problem);
  assert.match(problem.suggestion ?? '', /2 seconds/);
});

test('every status of the catalogue is an HTTP error', () => {
  for (const [code, { status }] of Object.entries(ERROR_KINDS))
    assert.ok(status >= 400 && status < 600, code);
});
