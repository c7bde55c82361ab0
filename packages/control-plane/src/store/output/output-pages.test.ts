import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { JsonText, OutputEvent } from '@caisson/protocol/ports';
import { decodePage, encodePages } from './output-pages.ts';

const EVENTS: OutputEvent[] = [
  { type: 'stdout', text: 'naïve 😀\u0000\n' },
  { type: 'stderr', text: '' },
  { type: 'result', bundle: jsonTextOf({ 'text/plain': 'é' }) },
  { type: 'truncated', stream: 'stdout' },
  { type: 'truncated', stream: 'stderr' },
  { type: 'kernel_restarted' },
];

test('every event is decoded as it was encoded', () => {
  const [page, ...more] = encodePages(EVENTS, null);
  assert.ok(page);
  assert.deepEqual(more, []);
  assert.deepEqual(decodePage(page), { firstEvent: 0, events: EVENTS, returnValue: '' });
});

test('empty output has no pages', () => {
  assert.deepEqual(encodePages([], null), []);
});

test('large output is split into pages of bounded size with event counts; the return value follows the events', () => {
  const events: OutputEvent[] = Array.from({ length: 1000 }, (_, index) => ({
    type: index % 2 === 0 ? 'stdout' : 'stderr',
    text: `${index} ${'x'.repeat(index)}`,
  }));
  const returnValue = JSON.stringify('😀'.repeat(50_001)) as JsonText;
  const pages = encodePages(events, returnValue);
  assert.ok(pages.length > 5);
  const decoded = pages.map(decodePage);
  for (const [index, { page, items }] of pages.entries()) {
    assert.equal(page, index);
    assert.ok(items.length < 3 * 64 * 1024);
  }
  let count = 0;
  for (const page of decoded) {
    assert.equal(page.firstEvent, count);
    count += page.events.length;
  }
  assert.deepEqual(
    decoded.flatMap((page) => page.events),
    events,
  );
  assert.equal(decoded.map((page) => page.returnValue).join(''), returnValue);
});

test('a byte of output takes one byte, whatever it is', () => {
  const text = '\u0001"\\\n'.repeat(250_000);
  const bytes = encodePages([{ type: 'stdout', text }], null).reduce(
    (sum, { items }) => sum + items.length,
    0,
  );
  assert.ok(bytes - text.length < 100, `${bytes - text.length} bytes more`);
});
