import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OutputEvent } from '@caisson/protocol/ports';
import { StepOutput } from './step-output.ts';

async function collect(limitBytes: number, chunks: readonly Buffer[]): Promise<OutputEvent[]> {
  const events: OutputEvent[] = [];
  const output = new StepOutput('stdout', limitBytes, (event) => {
    events.push(event);
    return undefined;
  });
  for (const chunk of chunks) await output.write(chunk);
  await output.end();
  return events;
}

test('a character that is split between chunks arrives whole', async () => {
  const bytes = Buffer.from('a€b');
  const events = await collect(100, [bytes.subarray(0, 2), bytes.subarray(2, 3), bytes.subarray(3)]);
  assert.equal(events.map((event) => ('text' in event ? event.text : '')).join(''), 'a€b');
});

test('bytes that are not UTF-8 become U+FFFD', async () => {
  const events = await collect(100, [Buffer.from([0x61, 0xff, 0x62, 0xe2])]);
  assert.deepEqual(events.map((event) => ('text' in event ? event.text : '')).join(''), 'a\ufffdb\ufffd');
});

test('output over the limit is cut at a character, and that is told once', async () => {
  const events = await collect(5, [Buffer.from('abc€def'), Buffer.from('ghi')]);
  assert.deepEqual(events, [
    { type: 'stdout', text: 'abc' },
    { type: 'truncated', stream: 'stdout' },
  ]);
});

test('output of just the limit is not cut', async () => {
  assert.deepEqual(await collect(3, [Buffer.from('abc')]), [{ type: 'stdout', text: 'abc' }]);
});
