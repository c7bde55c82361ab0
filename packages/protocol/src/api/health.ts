import { z } from 'zod';
import { isolation, RUNTIMES } from '../isolation.ts';
import { resourcesView } from './common.ts';

export const health = z
  .object({ status: z.enum(['ok', 'unavailable']), version: z.string() })
  .meta({ id: 'Health' });

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
    problems: z
      .array(z.string())
      .meta({ description: 'Why no sandboxes can be made any more; empty while they can' }),
    reads: z
      .object({
        dropped_bytes: z.int().meta({ description: 'Said by kernels that ran no step' }),
        delayed_ms: z.number().meta({
          description: 'How long the reading of sandboxes over their share was put off, all together',
        }),
        broken: z.int().meta({ description: 'Kernels that were killed because reading them failed' }),
      })
      .meta({ description: 'What sandboxes made of the event loop that reads them, since the start' }),
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
