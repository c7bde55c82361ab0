import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEvents } from './sse.ts';

const LIMITS = { maxCharacters: 1000 };

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) {
    await Promise.resolve();
    yield bytes.subarray(start, start + size);
  }
}

test('events are the same wherever the chunks are cut, also within a character or a line break', async () => {
  const text =
    '\ufeffid: 1\r\nevent: stdout\r\ndata: {"text":"grüß 日本 🚢"}\r\n\r\n: still here\n\nid: 2\rdata: a\rdata:b\r\rdata: cut off';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= bytes.length; size++) {
    const events = await Array.fromAsync(parseEvents(chunksOf(bytes, size), LIMITS));
    assert.deepEqual(
      events.map(({ id, event, data }) => [id, event, data]),
      [
        ['1', 'stdout', '{"text":"grüß 日本 🚢"}'],
        ['2', undefined, 'a\nb'],
      ],
      `chunks of ${size} bytes`,
    );
  }
});

test('an event that is too large is refused before it fills the memory', async () => {
  let sent = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      await Promise.resolve();
      sent += 100;
      yield new TextEncoder().encode(sent === 100 ? `data: ${'x'.repeat(94)}` : 'x'.repeat(100));
    }
  }
  await assert.rejects(Array.fromAsync(parseEvents(endless(), LIMITS)), /larger than 1000 characters/);
  assert.ok(sent <= 1200, `${sent} bytes were taken`);
});

test('no chunk is taken before the events of the last are used', async () => {
  let taken = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 10; index++) {
      await Promise.resolve();
      taken++;
      yield new TextEncoder().encode(`data: ${index}\n\n`);
    }
  }
  const events = parseEvents(counted(), LIMITS);
  await events.next();
  assert.equal(taken, 1);
  await events.return(undefined);
});
