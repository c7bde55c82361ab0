import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { createMetrics } from './metrics.ts';

test('the metrics tell how late the event loop was since they were read last', async () => {
  const metrics = createMetrics();
  const read = async (figure: string) => {
    const text = await metrics.text();
    return Number(new RegExp(`^caisson_event_loop_delay_${figure}_seconds (\\S+)$`, 'm').exec(text)?.[1]);
  };
  try {
    await until(async () => (await read('p50')) >= 0);
    let late = 0;
    await until(async () => {
      // The delay before the first tick after a reading is not counted.
      await delay(30);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
      await delay(30);
      late = await read('max');
      return late > 0.1;
    });
    assert.ok(late < 5, `${late} seconds`);
    // Nothing has kept it since: what was read is forgotten.
    assert.ok((await read('max')) < late);
    assert.ok((await read('p99')) < late);
  } finally {
    metrics.close();
  }
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!(await condition())) assert.ok(Date.now() < deadline, 'the condition did not come true');
}
