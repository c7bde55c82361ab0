import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { createMetrics } from './metrics.ts';

test('the metrics give the event loop delays since the last scrape', async () => {
  const metrics = createMetrics();
  const read = async (figure: string) => {
    const text = await metrics.text();
    return Number(new RegExp(`^caisson_event_loop_delay_${figure}_seconds (\\S+)$`, 'm').exec(text)?.[1]);
  };
  try {
    await until(async () => (await read('p50')) >= 0);
    let late = 0;
    await until(async () => {
      // The delay before the first tick after a read is not measured.
      await delay(30);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
      await delay(30);
      late = await read('max');
      return late > 0.1;
    });
    assert.ok(late < 5, `${late} seconds`);
    // Nothing has blocked it since: a read resets the values.
    assert.ok((await read('max')) < late);
    assert.ok((await read('p99')) < late);
  } finally {
    metrics.close();
  }
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!(await condition())) assert.ok(Date.now() < deadline, 'the condition was not met');
}
