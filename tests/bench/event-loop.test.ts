import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopDelayMs } from './event-loop.ts';

test('the delay is found on the metrics page, in milliseconds', () => {
  assert.equal(eventLoopDelayMs('# HELP x\ncaisson_event_loop_delay_p99_seconds 0.021\nother 1\n'), 21);
  assert.equal(eventLoopDelayMs('nodejs_eventloop_lag_p99_seconds 0.5\n'), 500);
});

test('a page without the delay has no result', () => {
  assert.equal(eventLoopDelayMs('other 1\n'), undefined);
  assert.equal(eventLoopDelayMs('caisson_event_loop_delay_p99_seconds NaN\n'), undefined);
});
