import assert from 'node:assert/strict';
import { jsonTextOf } from '@caisson/protocol';
import { test } from 'node:test';
import { OutputFeed } from './output-feed.ts';

test('a byte at a time is joined, and nothing of it is lost', () => {
  const feed = new OutputFeed(2 ** 20);
  for (let index = 0; index < 50_000; index += 1) {
    assert.equal(feed.sink({ type: index % 100 < 50 ? 'stdout' : 'stderr', text: 'x' }), undefined);
  }
  feed.close();
  const characters = feed.output.reduce((sum, event) => sum + ('text' in event ? event.text.length : 0), 0);
  assert.equal(characters, 50_000);
  assert.ok(feed.output.length < 3000, String(feed.output.length));
});

test('the process is held back only by a reader that holds back, and only while it is behind', async () => {
  const feed = new OutputFeed(2 ** 20);
  const text = 'x'.repeat(200 * 1024);
  using follower = feed.follow(0, true);
  using idle = feed.follow(0, false);
  assert.equal(feed.sink({ type: 'stdout', text }), undefined);
  const room = feed.sink({ type: 'stdout', text });
  assert.ok(room);
  assert.equal((await follower.next())?.id, 1);
  await room;
  assert.equal((await idle.next())?.id, 1);
});

test('a reader that leaves makes room', async () => {
  const feed = new OutputFeed(2 ** 20);
  const follower = feed.follow(0, true);
  const room = feed.sink({ type: 'stdout', text: 'x'.repeat(300 * 1024) });
  assert.ok(room);
  follower[Symbol.dispose]();
  await room;
  assert.equal(await follower.next(), undefined);
});

test('rich results are bounded, and it is told that some were dropped', () => {
  const feed = new OutputFeed(1024);
  for (let index = 0; index < 100; index += 1) {
    assert.equal(
      feed.sink({ type: 'result', bundle: jsonTextOf({ 'text/plain': 'x'.repeat(1000) }) }),
      undefined,
    );
  }
  assert.ok(feed.output.length < 5);
  assert.equal(feed.resultsTruncated, true);
});
