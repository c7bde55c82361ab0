import type { Client } from './client.ts';
import type { Sample } from './sample.ts';

const OURS = /^caisson_event_loop_delay_p99_seconds (\S+)$/m;
const USUAL = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m;

/** p99 of the event loop delay since the last read of the page, in milliseconds; `undefined` if it is missing. */
export function eventLoopDelayMs(metrics: string): number | undefined {
  const seconds = (OURS.exec(metrics) ?? USUAL.exec(metrics))?.[1];
  return seconds === undefined || Number.isNaN(Number(seconds)) ? undefined : Number(seconds) * 1000;
}

/** Adds the delay of the server's event loop during `measure` to its result. */
export async function withEventLoopDelay(client: Client, measure: () => Promise<Sample>): Promise<Sample> {
  await client.metrics();
  const sample = await measure();
  return { ...sample, eventLoopDelayMs: eventLoopDelayMs(await client.metrics()) };
}
