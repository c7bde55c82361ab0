'use strict';
const { findJsonProblem } = require('./json-value.cjs');

const MAX_RETURN_VALUE = 8 * 1024 * 1024;

/** Calls `handler(event, context)` as AWS Lambda does, and resolves with its result as JSON. */
async function callHandler(handler, frame, deadlineMs) {
  const returned = await handler(JSON.parse(frame.event), contextOf(frame, deadlineMs));
  const value = returned === undefined ? null : returned;
  const problem = findJsonProblem(value);
  if (problem !== undefined) throw new TypeError(`handler returned what JSON cannot hold: ${problem}`);
  const text = JSON.stringify(value);
  if (text.length > MAX_RETURN_VALUE) {
    throw new RangeError(
      `handler returned ${text.length} characters of JSON; at most ${MAX_RETURN_VALUE} are kept`,
    );
  }
  return text;
}

function contextOf(frame, deadlineMs) {
  const limit = frame.memory_limit_bytes;
  return {
    getRemainingTimeInMillis: () => Math.max(0, Math.floor(deadlineMs - performance.now())),
    memoryLimitInMB: limit === '' ? null : Math.floor(Number(limit) / 2 ** 20),
    executionId: frame.execution_id,
    awsRequestId: frame.execution_id,
    sessionId: frame.session_id === '' ? null : frame.session_id,
    functionName: 'handler',
  };
}

module.exports = { callHandler };
