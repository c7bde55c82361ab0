import { z } from 'zod';
import { isolation, RUNTIMES } from '../isolation.ts';
import { resourcesView } from './common.ts';

export const health = z
  .object({ status: z.enum(['ok', 'unavailable']), version: z.string() })
  .meta({ id: 'Health' });

const figures = z.object({
  total: z.number().meta({ description: 'Capacity for all sandboxes' }),
  promisable: z.number().meta({ description: 'How much can be reserved, overcommitment included' }),
  promised: z.number().meta({ description: 'How much is reserved, ready sandboxes included' }),
  used: z.number().nullable().meta({ description: 'Current usage; null if not measured' }),
});

export const healthDetailed = health
  .extend({
    uptime_ms: z.number(),
    runtimes: z.array(
      z.object({
        name: z.enum(RUNTIMES),
        isolation,
        version: z.string().nullable(),
        available: z.boolean(),
        chosen: z.boolean(),
        problems: z.array(z.string()),
      }),
    ),
    sandboxes: z.int(),
    pools: z
      .array(
        z.object({
          template_id: z.string(),
          isolation,
          resources: resourcesView,
          ready: z.int().meta({ description: 'Sandboxes that are ready and not yet in use' }),
          target: z.int().meta({ description: 'Desired number of ready sandboxes' }),
          claimed: z.int().meta({ description: 'Requests since the start that got a ready sandbox' }),
          missed: z.int().meta({ description: 'Requests since the start that found none' }),
        }),
      )
      .meta({
        description:
          'One pool for each combination of template, isolation and size that was requested recently',
      }),
    reads: z
      .object({
        dropped_bytes: z.int().meta({ description: 'Bytes sent by kernels while no step was running' }),
        delayed_ms: z.number().meta({
          description: 'Total time for which reading was delayed because sandboxes exceeded their share',
        }),
        broken: z.int().meta({ description: 'Kernels killed because reading from them failed' }),
      })
      .meta({ description: 'Reading of output from sandboxes, since the start' }),
    problems: z
      .array(z.string())
      .meta({ description: 'Why no more sandboxes can be created; empty while they can' }),
    capacity: z
      .object({
        memory_bytes: figures.meta({ description: 'Memory of processes, and of files in memory' }),
        disk_bytes: figures.meta({ description: 'Workspaces on disk' }),
        cpu_millicores: figures,
        pids: figures,
        descriptors: figures.meta({ description: 'File descriptors of the server' }),
        maximum: resourcesView.meta({ description: 'Most that one sandbox can request' }),
      })
      .meta({ description: 'Capacity of this machine, and how much of it is reserved' }),
    executions: z.object({ running: z.int(), queued: z.int(), limit: z.int(), queue_limit: z.int() }),
    event_loop_delay: z
      .object({
        p50_ms: z.number(),
        p99_ms: z.number(),
        max_ms: z.number(),
        over_ms: z
          .number()
          .meta({ description: 'Length of the observed period: 30 to 60 seconds, less after a start' }),
      })
      .meta({ description: 'Recent event loop delay; reading it resets nothing' }),
    database: z.object({
      driver: z.string(),
      ok: z.boolean().meta({ description: 'Whether the database can be read' }),
      writable: z
        .boolean()
        .meta({ description: 'Whether the database can be written; if not, new work is refused' }),
      unwritten: z
        .int()
        .meta({ description: 'Records that wait to be written, such as the ends of executions' }),
    }),
  })
  .meta({ id: 'HealthDetailed' });

/** What a comparison of the records with what runs has changed. */
export const syncReport = z.object({
  executions: z.object({
    recorded: z.int().meta({ description: 'Ends that had not been recorded' }),
    lost: z.int().meta({ description: 'Executions that no node knew: they have ended as lost' }),
    requeued: z.int().meta({ description: 'Jobs taken over from the queue of a control plane that is gone' }),
    acknowledged: z
      .int()
      .meta({ description: 'Outcomes that a node still kept although they were recorded' }),
  }),
  sessions: z.object({ lost: z.int().meta({ description: 'Sessions whose sandbox no node knew' }) }),
  sandboxes: z.object({
    destroyed: z.int().meta({ description: 'Sandboxes without a session' }),
    renewed: z.int().meta({ description: 'Leases renewed' }),
  }),
});
