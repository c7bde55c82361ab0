import type { ReadHealth } from '@caisson/protocol/ports';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

/** Registers the metrics of reading from sandboxes; `read` is called once per scrape and metric. */
export function registerReadMetrics(registry: Registry, read: () => Promise<ReadHealth>): void {
  const counter = (name: string, help: string, value: (reads: ReadHealth) => number) =>
    new Counter({
      name,
      help,
      registers: [registry],
      async collect() {
        this.reset();
        this.inc(value(await read()));
      },
    });
  counter(
    'caisson_sandbox_dropped_bytes_total',
    'Bytes written by kernels that ran no step',
    ({ droppedBytes }) => droppedBytes,
  );
  counter(
    'caisson_sandbox_read_delay_seconds_total',
    'How long the reading of sandboxes over their share of the event loop was put off',
    ({ delayedMs }) => delayedMs / 1000,
  );
  counter(
    'caisson_sandbox_broken_total',
    'Kernels that were killed because reading what they wrote failed',
    ({ broken }) => broken,
  );
}
