import { z } from 'zod';
import { apiKeyId, tenantId } from '../ids.ts';
import { page, timestamp } from './common.ts';

export const AUDIT_ACTIONS = [
  'tenant.created',
  'api_key.created',
  'execution.finished',
  'session.created',
  'session.paused',
  'session.resumed',
  'session.extended',
  'session.terminated',
  'file.written',
  'file.deleted',
  'audit.trimmed',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** Acts where no caller does: at a timeout, after a crash, when the server stops. */
export const SYSTEM = 'system';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const auditEvent = z
  .object({
    sequence: z.int().min(1).meta({ description: 'Counts the events of the tenant, without a gap' }),
    at: timestamp,
    tenant_id: tenantId,
    principal: z
      .union([apiKeyId, z.literal(SYSTEM)])
      .meta({ description: 'The API key that acted, or `system` where the server did by itself' }),
    action: z.enum(AUDIT_ACTIONS),
    subject: z.string().meta({ description: 'The id of what was acted on' }),
    details: z
      .record(z.string(), z.union([z.string(), z.number(), z.null()]))
      .meta({ description: 'More, by action; never code, output or secrets' }),
    previous_hash: sha256.meta({
      description: '`hash` of the event of the tenant before; 64 zeros for its first',
    }),
    hash: sha256.meta({ description: 'SHA-256 of the canonical JSON (RFC 8785) of the rest of this event' }),
  })
  .meta({ id: 'AuditEvent' });
export type AuditEvent = z.output<typeof auditEvent>;

export const auditCheckpoint = z
  .object({
    sequence: z.int().min(1).meta({ description: 'The newest event that was removed for its age' }),
    hash: sha256.meta({
      description: 'Its `hash`: the `previous_hash` of the oldest event that is still there',
    }),
  })
  .meta({ id: 'AuditCheckpoint' });

export const auditList = page(auditEvent)
  .extend({
    checkpoint: auditCheckpoint
      .nullable()
      .meta({ description: 'Where the trail begins; `null` where it has all its events' }),
  })
  .meta({ id: 'AuditList' });
