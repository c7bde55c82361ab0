import { z } from 'zod';
import { sessionId } from '../ids.ts';
import { isolation, RUNTIMES } from '../isolation.ts';
import { language } from '../languages.ts';
import { SESSION_REASONS, SESSION_STATUSES } from '../states/session-state.ts';
import {
  envVars,
  page,
  pageQuery,
  plainText,
  resources,
  resourcesView,
  seconds,
  timestamp,
} from './common.ts';

export const DEFAULT_SESSION_SECONDS = 300;
export const MAX_SESSION_SECONDS = 24 * 3600;

const lifetime = seconds({ min: 1, max: MAX_SESSION_SECONDS });

/** Body of `POST /sessions`. */
export const createSessionRequest = z
  .strictObject({
    template_id: plainText(128).default('python').meta({ example: 'python' }),
    timeout: lifetime
      .default(DEFAULT_SESSION_SECONDS)
      .meta({ description: 'Lifetime in seconds; see `extend`' }),
    idle_timeout: lifetime
      .nullish()
      .meta({ description: 'Seconds without a request after which the session ends; default: none' }),
    isolation: isolation.default('container'),
    resources: resources.optional(),
    env_vars: envVars.default({}),
    metadata: z
      .record(plainText(128), plainText(1024))
      .refine((record) => Object.keys(record).length <= 32, 'must have at most 32 entries')
      .default({})
      .meta({ description: 'Labels for your own use' }),
  })
  .meta({ id: 'CreateSessionRequest' });
export type CreateSessionRequest = z.output<typeof createSessionRequest>;

export const extendSessionRequest = z
  .strictObject({
    timeout: lifetime
      .default(DEFAULT_SESSION_SECONDS)
      .meta({ description: 'New lifetime in seconds, counted from now' }),
  })
  .meta({ id: 'ExtendSessionRequest' });

export const session = z
  .object({
    session_id: sessionId,
    status: z.enum(SESSION_STATUSES),
    reason: z
      .enum(SESSION_REASONS)
      .nullable()
      .meta({ description: 'Why the session ended; null until it does' }),
    template_id: z.string(),
    languages: z.array(language),
    runtime: z.enum(RUNTIMES).nullable(),
    isolation,
    resources: resourcesView,
    metadata: z.record(z.string(), z.string()),
    idle_timeout: z.number().nullable(),
    created_at: timestamp,
    last_used_at: timestamp,
    expires_at: timestamp,
    terminated_at: timestamp.nullable(),
  })
  .meta({ id: 'Session' });
export type Session = z.output<typeof session>;

export const sessionList = page(session).meta({ id: 'SessionList' });
export const sessionListQuery = pageQuery.extend({ status: z.enum(SESSION_STATUSES).optional() });
