import type { DataPlaneHealth } from '@caisson/protocol/ports';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ExecutionRecord } from '../model/execution-record.ts';
import { watchEventLoop } from './event-loop.ts';
import { registerCapacityMetrics } from './capacity-metrics.ts';
import { registerPoolMetrics } from './pool-metrics.ts';
import { registerReadMetrics } from './read-metrics.ts';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600];

/** Values that are read at each scrape. */
export interface Gauges {
  queued(): number;
  running(): number;
  dataPlane(): Promise<DataPlaneHealth>;
}

export interface Metrics {
  finished(record: ExecutionRecord): void;
  answered(method: string, route: string, status: number, seconds: number): void;
  /** All metrics in the text format of Prometheus. */
  text(): Promise<string>;
  readonly contentType: string;
  /** Sets the source of the gauges. */
  observe(gauges: Gauges): void;
  close(): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const executions = new Counter({
    name: 'caisson_executions_total',
    help: 'Executions that ended, by status and reason',
    labelNames: ['status', 'reason'],
    registers,
  });
  const duration = new Histogram({
    name: 'caisson_execution_duration_seconds',
    help: 'From the start of an execution to its end',
    labelNames: ['status'],
    buckets: SECONDS,
    registers,
  });
  const queueTime = new Histogram({
    name: 'caisson_execution_queue_seconds',
    help: 'From the arrival of an execution to its start',
    buckets: SECONDS,
    registers,
  });
  const requests = new Histogram({
    name: 'caisson_http_request_duration_seconds',
    help: 'HTTP requests, by route',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  });
  const loop = watchEventLoop(registry);
  return {
    finished(record) {
      const { status, reason } = record.state;
      executions.inc({ status, reason: reason ?? '' });
      if (record.startedAt === null || record.finishedAt === null) return;
      duration.observe({ status }, (record.finishedAt - record.startedAt) / 1000);
      queueTime.observe((record.startedAt - record.createdAt) / 1000);
    },
    answered(method, route, status, seconds) {
      requests.observe({ method, route, status }, seconds);
    },
    text() {
      loop.update();
      return registry.metrics();
    },
    contentType: registry.contentType,
    observe(gauges) {
      gauge('caisson_executions_queued', 'Executions that wait', () => gauges.queued());
      gauge('caisson_executions_running', 'Executions that run', () => gauges.running());
      gauge(
        'sandbox_active_total',
        'Sessions that hold a sandbox',
        async () => (await gauges.dataPlane()).sandboxes,
      );
      registerPoolMetrics(registry, async () => (await gauges.dataPlane()).pools);
      registerReadMetrics(registry, async () => (await gauges.dataPlane()).reads);
      registerCapacityMetrics(registry, async () => (await gauges.dataPlane()).capacity);
    },
    close() {
      loop.close();
      registry.clear();
    },
  };

  function gauge(name: string, help: string, read: () => number | Promise<number>): void {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await read());
      },
    });
  }
}
