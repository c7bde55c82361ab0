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

/** The principal of what the server does by itself: at a timeout, after a crash, at shutdown. */
export const SYSTEM = 'system';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const auditEvent = z
  .object({
    sequence: z.int().min(1).meta({ description: 'Position in the audit trail of the tenant, without gaps' }),
    at: timestamp,
    tenant_id: tenantId,
    principal: z
      .union([apiKeyId, z.literal(SYSTEM)])
      .meta({ description: 'API key that acted; `system` for the server itself' }),
    action: z.enum(AUDIT_ACTIONS),
    subject: z.string().meta({ description: 'ID of the object of the action' }),
    details: z
      .record(z.string(), z.union([z.string(), z.number(), z.null()]))
      .meta({ description: 'Details that depend on the action; never code, output or secrets' }),
    previous_hash: sha256.meta({
      description: '`hash` of the previous event of the tenant; 64 zeros for the first event',
    }),
    hash: sha256.meta({
      description: 'SHA-256 of the canonical JSON (RFC 8785) of this event without `hash`',
    }),
  })
  .meta({ id: 'AuditEvent' });
export type AuditEvent = z.output<typeof auditEvent>;

export const auditCheckpoint = z
  .object({
    sequence: z.int().min(1).meta({ description: 'Newest event that was removed because of its age' }),
    hash: sha256.meta({
      description: '`hash` of that event, which is the `previous_hash` of the oldest event left',
    }),
  })
  .meta({ id: 'AuditCheckpoint' });

export const auditList = page(auditEvent)
  .extend({
    checkpoint: auditCheckpoint
      .nullable()
      .meta({ description: 'Where the trail starts; `null` if no event has been removed' }),
  })
  .meta({ id: 'AuditList' });
