import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withIdleTimeout } from './idle-timeout.ts';

function silentAfter(count: number): { body: ReadableStream<Uint8Array>; cancelled: () => boolean } {
  let sent = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        if (sent < count) controller.enqueue(Uint8Array.of(sent++));
        else await new Promise<never>(() => undefined);
      },
      cancel: () => {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, cancelled: () => cancelled };
}

test('a source that falls silent fails, and is cancelled', async () => {
  const { body, cancelled } = silentAfter(2);
  const reader = withIdleTimeout(body, 20).getReader();
  assert.deepEqual((await reader.read()).value, Uint8Array.of(0));
  assert.deepEqual((await reader.read()).value, Uint8Array.of(1));
  await assert.rejects(reader.read(), { code: 'connection_lost', message: /silent for 0.02 seconds/ });
  assert.ok(cancelled());
});

test('the time that the reader takes does not count', async ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const { body, cancelled } = silentAfter(3);
  const reader = withIdleTimeout(body, 200).getReader();
  await reader.read();
  mock.timers.tick(10_000);
  assert.deepEqual(await reader.read(), { done: false, value: Uint8Array.of(1) });
  await reader.cancel();
  assert.ok(cancelled());
});
