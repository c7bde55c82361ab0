import type { CapacityFigures, NodeCapacity } from '@caisson/protocol/ports';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

const STATES = { capacity: 'total', promisable: 'promisable', promised: 'promised', used: 'used' } as const;

/** Registers the metrics of the machine's capacity; `read` is called once per scrape and metric. */
export function registerCapacityMetrics(registry: Registry, read: () => Promise<NodeCapacity>): void {
  const gauge = (
    name: string,
    help: string,
    figuresOf: (capacity: NodeCapacity) => CapacityFigures,
    unit = 1,
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ['state'] as const,
      registers: [registry],
      async collect() {
        this.reset();
        const figures = figuresOf(await read());
        for (const [state, key] of Object.entries(STATES)) {
          const value = figures[key];
          if (value !== null) this.set({ state }, value / unit);
        }
      },
    });
  const states = 'all sandboxes can use (capacity), can be promised, were promised, and use';
  gauge('caisson_node_memory_bytes', `Memory that ${states}`, ({ memoryBytes }) => memoryBytes);
  gauge('caisson_node_disk_bytes', `Disk for workspaces that ${states}`, ({ diskBytes }) => diskBytes);
  gauge('caisson_node_cpu_cores', `Cores that ${states}`, ({ cpuMillicores }) => cpuMillicores, 1000);
  gauge('caisson_node_processes', `Processes and threads that ${states}`, ({ pids }) => pids);
  gauge(
    'caisson_node_descriptors',
    `Open files of the server that ${states}`,
    ({ descriptors }) => descriptors,
  );
}
