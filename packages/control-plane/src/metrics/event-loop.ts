import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { LoopDelayRecorder } from './loop-delay.ts';

export interface EventLoopWatch {
  /** Sets the gauges to the delays since the last call. */
  update(): void;
  close(): void;
}

/** Measures the delay of the event loop: a blocked event loop delays every caller. */
export function watchEventLoop(registry: Registry): EventLoopWatch {
  const recorder = new LoopDelayRecorder();
  const gauge = (figure: 'p50' | 'p99' | 'max') =>
    new Gauge({
      name: `caisson_event_loop_delay_${figure}_seconds`,
      help: 'How late the event loop was, since the last scrape',
      registers: [registry],
    });
  const gauges = { p50: gauge('p50'), p99: gauge('p99'), max: gauge('max') };
  return {
    update() {
      const { p50, p99, max } = recorder.read();
      gauges.p50.set(p50);
      gauges.p99.set(p99);
      gauges.max.set(max);
      recorder.reset();
    },
    close() {
      recorder[Symbol.dispose]();
    },
  };
}
