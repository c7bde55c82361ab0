import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newApiKeyId, SYSTEM } from '@caisson/protocol/api';
import type { ExecutionReason } from '@caisson/protocol/api';
import { whoEnded } from './who-ended.ts';

const submitter = newApiKeyId();
const canceller = newApiKeyId();

const CASES: readonly (readonly [ExecutionReason | null, string])[] = [
  [null, submitter],
  ['exception', submitter],
  ['exit_code', submitter],
  ['out_of_memory', submitter],
  ['kernel_crashed', submitter],
  ['cancelled', canceller],
  ['session_terminated', canceller],
  ['timeout', SYSTEM],
  ['sandbox_lost', SYSTEM],
  ['sandbox_unavailable', SYSTEM],
];

test('an execution was ended by the cause of its end, even if a cancel came too late', () => {
  for (const [reason, who] of CASES) {
    assert.equal(whoEnded(reason, submitter, canceller), who, String(reason));
  }
});

test('if no caller is known, the server ended it', () => {
  assert.equal(whoEnded('shutdown', submitter, SYSTEM), SYSTEM);
  assert.equal(whoEnded('cancelled', submitter, undefined), SYSTEM);
  assert.equal(whoEnded(null, null, undefined), SYSTEM);
});
