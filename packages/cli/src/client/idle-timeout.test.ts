import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withIdleTimeout } from './idle-timeout.ts';

async function* silentAfter(count: number): AsyncGenerator<number> {
  for (let index = 0; index < count; index++) yield index;
  await new Promise<never>(() => undefined);
}

test('a source that falls silent fails', async () => {
  const seen: number[] = [];
  const reading = async () => {
    for await (const chunk of withIdleTimeout(silentAfter(2), 20)) seen.push(chunk);
  };
  await assert.rejects(reading, /silent for 0.02 seconds/);
  assert.deepEqual(seen, [0, 1]);
});

test('the time that the reader takes does not count', async ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const chunks = withIdleTimeout(silentAfter(3), 200);
  await chunks.next();
  mock.timers.tick(10_000);
  assert.deepEqual(await chunks.next(), { done: false, value: 1 });
  await chunks.return(undefined);
});
