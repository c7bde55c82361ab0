import { z } from 'zod';
import { isolation, RUNTIMES } from '../isolation.ts';
import { resourcesView } from './common.ts';

export const health = z
  .object({ status: z.enum(['ok', 'unavailable']), version: z.string() })
  .meta({ id: 'Health' });

const figures = z.object({
  total: z.number().meta({ description: 'What all sandboxes together can use' }),
  promisable: z.number().meta({ description: 'What can be promised to them, which may be more' }),
  promised: z.number().meta({ description: 'What is promised to those that there are, ready ones included' }),
  used: z.number().nullable().meta({ description: 'What they use now; null where that is not measured' }),
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
          ready: z.int().meta({ description: 'Sandboxes that were made ahead, for nobody yet' }),
          target: z.int().meta({ description: 'How many should be ready' }),
          claimed: z.int().meta({ description: 'Requests that got a ready one, since the start' }),
          missed: z.int().meta({ description: 'Requests that found none, since the start' }),
        }),
      )
      .meta({ description: 'One for each template, isolation and size that was asked for of late' }),
    reads: z
      .object({
        dropped_bytes: z.int().meta({ description: 'Said by kernels that ran no step' }),
        delayed_ms: z.number().meta({
          description: 'How long the reading of sandboxes over their share was put off, all together',
        }),
        broken: z.int().meta({ description: 'Kernels that were killed because reading them failed' }),
      })
      .meta({ description: 'What sandboxes made of the event loop that reads them, since the start' }),
    problems: z
      .array(z.string())
      .meta({ description: 'Why no sandboxes can be made any more; empty while they can' }),
    capacity: z
      .object({
        memory_bytes: figures.meta({ description: 'Processes, and files in memory' }),
        disk_bytes: figures.meta({ description: 'Workspaces that lie on disk' }),
        cpu_millicores: figures,
        pids: figures,
        descriptors: figures.meta({ description: 'Open files of the server' }),
        maximum: resourcesView.meta({ description: 'The most that one sandbox can be asked for with' }),
      })
      .meta({ description: 'What this machine can hold, and what was promised of it' }),
    executions: z.object({ running: z.int(), queued: z.int(), limit: z.int(), queue_limit: z.int() }),
    event_loop_delay: z
      .object({
        p50_ms: z.number(),
        p99_ms: z.number(),
        max_ms: z.number(),
        over_ms: z
          .number()
          .meta({ description: 'For how long up to now it was seen: 30 to 60 seconds, less after a start' }),
      })
      .meta({ description: 'How late the event loop was of late; reading it resets nothing' }),
    database: z.object({
      driver: z.string(),
      ok: z.boolean().meta({ description: 'Whether it can be read' }),
      writable: z.boolean().meta({ description: 'Whether it can be written: new work is refused while not' }),
      unwritten: z.int().meta({ description: 'Ends and other facts that wait until it can be written' }),
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
