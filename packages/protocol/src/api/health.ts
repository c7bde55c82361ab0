import { z } from 'zod';
import { isolation, RUNTIMES } from '../isolation.ts';

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
    executions: z.object({ running: z.int(), queued: z.int(), limit: z.int(), queue_limit: z.int() }),
    database: z.object({ driver: z.string(), ok: z.boolean() }),
  })
  .meta({ id: 'HealthDetailed' });
