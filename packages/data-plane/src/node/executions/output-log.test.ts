import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonTextOf } from '@caisson/protocol/ports';
import { OutputLog } from './output-log.ts';

test('single bytes are joined without loss', () => {
  const log = new OutputLog(2 ** 20);
  for (let index = 0; index < 50_000; index += 1) {
    assert.equal(log.sink({ type: index % 100 < 50 ? 'stdout' : 'stderr', text: 'x' }), undefined);
  }
  log.close();
  const characters = log.events.reduce((sum, event) => sum + ('text' in event ? event.text.length : 0), 0);
  assert.equal(characters, 50_000);
  assert.ok(log.events.length < 3000, String(log.events.length));
});

test('only a reader that holds back slows the process down, and only while it is behind', async () => {
  const log = new OutputLog(2 ** 20);
  const text = 'x'.repeat(200 * 1024);
  using reader = log.read(0, true);
  using idle = log.read(0, false);
  assert.equal(log.sink({ type: 'stdout', text }), undefined);
  const room = log.sink({ type: 'stdout', text });
  assert.ok(room);
  assert.equal((await reader.next())?.first, 1);
  await room;
  assert.equal((await idle.next())?.first, 1);
});

test('a disposed reader no longer slows the process down', async () => {
  const log = new OutputLog(2 ** 20);
  const reader = log.read(0, true);
  const room = log.sink({ type: 'stdout', text: 'x'.repeat(300 * 1024) });
  assert.ok(room);
  reader[Symbol.dispose]();
  await room;
  assert.equal(await reader.next(), undefined);
});

test('a reader gets bounded batches, in order, from its own position', async () => {
  const log = new OutputLog(2 ** 30);
  for (let index = 0; index < 900; index += 1) {
    assert.equal(log.sink({ type: 'stdout', text: 'x'.repeat(1024) }), undefined);
  }
  log.close();
  using reader = log.read(100, false);
  const firsts: number[] = [];
  let count = 0;
  for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) {
    assert.equal(batch.first, 101 + count);
    assert.ok(batch.events.length <= 256);
    firsts.push(batch.first);
    count += batch.events.length;
  }
  assert.equal(count, 800);
  assert.ok(firsts.length > 1);
});

test('rich results are bounded, and dropped ones are reported', () => {
  const log = new OutputLog(1024);
  for (let index = 0; index < 100; index += 1) {
    assert.equal(
      log.sink({ type: 'result', bundle: jsonTextOf({ 'text/plain': 'x'.repeat(1000) }) }),
      undefined,
    );
  }
  assert.ok(log.events.length < 5);
  assert.equal(log.resultsTruncated, true);
});
