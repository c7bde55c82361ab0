import { newExecutionId, RUNNING, SYSTEM } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';
import { advance, queuedExecution } from '../../model/execution-record.ts';
import { openStore } from './database.ts';
import { executionRepository } from '../executions.ts';
import { SUCCEEDED } from '../../testing/outcomes.ts';

// A program for a test to kill: it starts executions, finishes every other one, and reports what is committed.
const [, , dataDir = '', tenantId = ''] = process.argv;
const { db, writer } = await openStore(dataDir);
const store = executionRepository(db, writer);

async function execute(index: number): Promise<void> {
  const queued = queuedExecution({
    id: newExecutionId(),
    tenantId: tenantId as TenantId,
    sessionId: null,
    language: 'python',
    templateId: 'python',
    codeSha256: '0'.repeat(64),
    submittedBy: null,
    replicaId: null,
    createdAt: Date.now(),
  });
  const running = advance(queued, RUNNING, Date.now());
  if (running === undefined) return;
  await store.insert(running, null);
  process.send?.({ id: queued.id, state: 'running' });
  const finished = advance(running, SUCCEEDED, Date.now());
  if (index % 2 === 0 || finished === undefined) return;
  await store.finish(finished, [{ type: 'stdout', text: `${index}\n` }], SYSTEM);
  process.send?.({ id: queued.id, state: 'succeeded' });
}

for (;;) await Promise.all(Array.from({ length: 32 }, (_, index) => execute(index)));
