import type { PoolHealth } from '@caisson/protocol/ports';
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { resourcesOf } from '../views/resources-view.ts';

const LABELS = ['template', 'isolation', 'size'] as const;

/** Registers the metrics of the warm pools; `read` is called once per scrape and metric. */
export function registerPoolMetrics(registry: Registry, read: () => Promise<readonly PoolHealth[]>): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: (pool: PoolHealth) => number) =>
    new Gauge({
      name,
      help,
      labelNames: LABELS,
      registers,
      async collect() {
        this.reset();
        for (const pool of await read()) this.set(labelsOf(pool), value(pool));
      },
    });
  gauge('caisson_pool_ready', 'Sandboxes that were made ahead, for nobody yet', ({ ready }) => ready);
  gauge('caisson_pool_target', 'How many sandboxes should be ready', ({ target }) => target);
  new Counter({
    name: 'caisson_pool_requests_total',
    help: 'Requests for a sandbox of the pool, by whether one was ready (claimed) or the pool was dry (missed)',
    labelNames: [...LABELS, 'result'],
    registers,
    async collect() {
      this.reset();
      for (const pool of await read()) {
        this.inc({ ...labelsOf(pool), result: 'claimed' }, pool.claimed);
        this.inc({ ...labelsOf(pool), result: 'missed' }, pool.missed);
      }
    },
  });
}

function labelsOf({ templateId, isolation, resources }: PoolHealth) {
  const { cpu, memory, disk, pids } = resourcesOf(resources);
  return {
    template: templateId,
    isolation,
    size: `${cpu} cpu, ${memory} memory, ${disk} disk, ${pids} pids`,
  };
}
