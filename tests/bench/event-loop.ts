import type { Client } from './client.ts';
import type { Sample } from './sample.ts';

const OURS = /^caisson_event_loop_delay_p99_seconds (\S+)$/m;
const USUAL = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m;

/** p99 of the event loop's delay since the page was read last, in milliseconds; `undefined` where it is not told. */
export function eventLoopDelayMs(metrics: string): number | undefined {
  const seconds = (OURS.exec(metrics) ?? USUAL.exec(metrics))?.[1];
  return seconds === undefined || Number.isNaN(Number(seconds)) ? undefined : Number(seconds) * 1000;
}

/** Adds to what `measure` brings how late the server's event loop was meanwhile. */
export async function withEventLoopDelay(client: Client, measure: () => Promise<Sample>): Promise<Sample> {
  await client.metrics();
  const sample = await measure();
  return { ...sample, eventLoopDelayMs: eventLoopDelayMs(await client.metrics()) };
}
