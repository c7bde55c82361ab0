import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { eitherAborted } from './either-aborted.ts';

test('the first abort of the two is followed, with its reason', () => {
  for (const first of [0, 1]) {
    const controllers = [new AbortController(), new AbortController()] as const;
    using either = eitherAborted(controllers[0].signal, controllers[1].signal);
    assert.equal(either.signal.aborted, false);
    const reason = new Error('enough');
    controllers[first]?.abort(reason);
    controllers[1 - first]?.abort(new Error('too late'));
    assert.equal(either.signal.reason, reason);
  }
});

test('an input that is already aborted aborts at once', () => {
  using either = eitherAborted(new AbortController().signal, AbortSignal.abort('before'));
  assert.equal(either.signal.reason, 'before');
});

test('disposing leaves no listener on the two signals', () => {
  const controllers = [new AbortController(), new AbortController()] as const;
  const either = eitherAborted(controllers[0].signal, controllers[1].signal);
  either[Symbol.dispose]();
  for (const { signal } of controllers) assert.deepEqual(getEventListeners(signal, 'abort'), []);
  controllers[0].abort();
  assert.equal(either.signal.aborted, false);
});
