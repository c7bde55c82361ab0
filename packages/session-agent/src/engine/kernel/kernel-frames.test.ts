import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonTextOf } from '@caisson/protocol/ports';
import { parseKernelFrame } from './kernel-frames.ts';
import { encodeStepFrame } from '../step/step-frame.ts';

const refused = [
  '',
  '{',
  'null',
  '[]',
  '{"type":"other"}',
  '{"type":"done"}',
  '{"type":"done","exit_code":256}',
  '{"type":"done","exit_code":0,"error":5}',
  '{"type":"done","exit_code":1,"error":{"name":"x","message":"m","traceback":[{"toString":1}]}}',
  `{"type":"done","exit_code":1,"error":{"name":${'['.repeat(5000)}`,
  '{"type":"done","exit_code":1,"error":{"name":"x","message":"m","traceback":[[]]}}',
];
for (const line of refused) {
  test(`${line.slice(0, 50)} is no frame`, () => {
    assert.equal(parseKernelFrame(Buffer.from(line)), undefined);
  });
}

test('a step is JSON in one line, with no quote inside of a string', () => {
  const line = encodeStepFrame({
    nonce: 'n',
    code: 'say "\\" \n\\',
    stdin: '',
    event: jsonTextOf({ a: '"' }),
    executionId: 'e',
    sessionId: '',
    remainingMs: 1.6,
    memoryLimitBytes: undefined,
    adoptedEnv: { B: 'c' },
    env: { A: '"' },
  });
  const frame = JSON.parse(line) as Record<string, string>;
  assert.equal(frame['code'], 'say "\\" \n\\');
  assert.equal(frame['event'], '{"a":"\\""}');
  assert.equal(line.indexOf('\n'), line.length - 1);
  const fields = line.split('"');
  assert.equal(fields[11], JSON.stringify(frame['code']).slice(1, -1).replaceAll('\\"', '\\u0022'));
  assert.deepEqual(
    [fields[39], ...[43, 45, 47, 49].map((at) => fields[at])],
    ['2', 'B', 'c', 'A', '\\u0022'],
  );
});
