import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newApiKeyId, newExecutionId, newSandboxId, newSessionId, newTenantId } from '@caisson/protocol/api';
import type { ReplicaId, TenantId } from '@caisson/protocol/api';
import { queuedExecution } from '../model/execution-record.ts';
import type { ExecutionRecord } from '../model/execution-record.ts';
import { creatingSession } from '../model/session-record.ts';
import type { SessionRecord } from '../model/session-record.ts';
import { openStore } from './sqlite/database.ts';
import type { Store } from './store.ts';
import { tenantRepository } from './tenants.ts';

export interface TwoStores extends AsyncDisposable {
  /** Two connections to one database, as with two replicas. */
  readonly stores: readonly [Store, Store];
  readonly dataDir: string;
  readonly tenantId: TenantId;
  addTenant(name: string): Promise<TenantId>;
}

export async function openTwice(): Promise<TwoStores> {
  await using undo = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'caisson-two-stores-'));
  undo.defer(() => rm(dataDir, { recursive: true, force: true }));
  const first = undo.use(await openStore(dataDir));
  const second = undo.use(await openStore(dataDir));
  const addTenant = async (name: string) => {
    const id = newTenantId();
    await tenantRepository(first.db, first.writer).addTenant(
      { id, name, createdAt: 0 },
      { id: newApiKeyId(), tenantId: id, name: 'key', role: 'member', hash: name, createdAt: 0 },
    );
    return id;
  };
  const tenantId = await addTenant('tenant');
  const resources = undo.move();
  return {
    stores: [first, second],
    dataDir,
    tenantId,
    addTenant,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

export function queuedJob(tenantId: TenantId, replicaId: ReplicaId | null = null): ExecutionRecord {
  return queuedExecution({
    id: newExecutionId(),
    tenantId,
    sessionId: null,
    language: 'python',
    templateId: 'python',
    codeSha256: '0'.repeat(64),
    submittedBy: null,
    replicaId,
    createdAt: 1,
  });
}

export function newSession(tenantId: TenantId): SessionRecord {
  return creatingSession({
    id: newSessionId(),
    tenantId,
    sandboxId: newSandboxId(),
    nodeId: null,
    templateId: 'python',
    languages: ['python'],
    isolation: 'container',
    resources: { cpuMillicores: 1, memoryBytes: 1, diskBytes: 1, pids: 1 },
    metadata: {},
    idleTimeoutMs: null,
    createdAt: 1,
    expiresAt: 1000,
  });
}
