import { newSandboxId } from '@caisson/protocol/api';
import type { CreateSessionRequest, IdSource, NodeId, SessionId, TenantId } from '@caisson/protocol/api';
import type { Resources, Template } from '@caisson/protocol/ports';
import { creatingSession } from '../model/session-record.ts';
import type { SessionRecord } from '../model/session-record.ts';
import { findTemplate, resourcesOf } from '../model/templates.ts';

/** The new session for a request. @throws CaissonError `template_not_found`, `validation_failed` */
export function newSession(
  request: CreateSessionRequest,
  given: {
    id: SessionId;
    tenantId: TenantId;
    nodeId: NodeId;
    templates: readonly Template[];
    maximum: Resources;
    now: number;
    ids: IdSource | undefined;
  },
): SessionRecord {
  const { idle_timeout: idleSeconds = null } = request;
  const idleMs = idleSeconds === null ? null : idleSeconds * 1000;
  const template = findTemplate(given.templates, request.template_id);
  return creatingSession({
    id: given.id,
    tenantId: given.tenantId,
    nodeId: given.nodeId,
    sandboxId: newSandboxId(given.ids),
    templateId: template.id,
    languages: template.languages,
    isolation: request.isolation,
    resources: resourcesOf(template, request.resources, given.maximum),
    metadata: request.metadata,
    idleTimeoutMs: idleMs,
    createdAt: given.now,
    expiresAt: given.now + request.timeout * 1000,
  });
}
