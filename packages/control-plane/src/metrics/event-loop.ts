import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

const RESOLUTION_MS = 20;

export interface EventLoopWatch {
  /** Sets the gauges to what was seen since the last call. */
  update(): void;
  close(): void;
}

/** Measures how late the event loop is: whatever keeps it keeps every caller. */
export function watchEventLoop(registry: Registry): EventLoopWatch {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const [p50, p99, max] = (['p50', 'p99', 'max'] as const).map(
    (figure) =>
      new Gauge({
        name: `caisson_event_loop_delay_${figure}_seconds`,
        help: 'How late the event loop was, since the last scrape',
        registers: [registry],
      }),
  ) as [Gauge, Gauge, Gauge];
  return {
    update() {
      p50.set(lateness(delays.percentile(50)));
      p99.set(lateness(delays.percentile(99)));
      max.set(delays.count === 0 ? 0 : lateness(delays.max));
      delays.reset();
    },
    close() {
      delays.disable();
    },
  };
}

/** Seconds; the histogram holds the nanoseconds between two ticks, which are the interval of the ticks at least. */
function lateness(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000);
}
