import { isCaissonError, SYSTEM } from '@caisson/protocol';
import type { DataPlane, SandboxQuota } from '@caisson/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../time/clock.ts';
import type { ExecutionRepository } from '../store/executions.ts';
import type { SessionRepository } from '../store/sessions.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';
import { advance } from '../model/execution-record.ts';
import type { Executions } from './executions.ts';
import { freshPlace } from './jobs.ts';
import { advanceSession, LIVE_STATUSES } from '../model/session-record.ts';

export interface RecoveryDependencies {
  readonly dataPlane: DataPlane;
  readonly quota: SandboxQuota;
  readonly executions: Executions;
  readonly executionStore: ExecutionRepository;
  readonly sessionStore: SessionRepository;
  readonly storage: StorageHealth;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Puts right what an earlier process left: what it ran is lost with it, what it had not begun and nobody waits for is
 * queued again. Nothing stays `running` for ever.
 */
export async function recover(dependencies: RecoveryDependencies): Promise<void> {
  const { dataPlane, quota, executions, executionStore, sessionStore, storage, clock, logger } = dependencies;
  const counts = { lost: 0, queued: 0, sessions: 0 };
  const lost = { type: 'failed', reason: 'sandbox_lost' } as const;
  for await (const { record, job } of executionStore.unfinished()) {
    if (record.state.status === 'queued' && job !== null) {
      executions.resubmit(record, {
        step: job.step,
        place: freshPlace(dataPlane, { ...job.sandbox, quota }),
        detached: true,
      });
      counts.queued += 1;
    } else {
      const ended = advance(record, lost, clock.nowMs());
      if (ended !== undefined) await settled(storage, () => executionStore.finish(ended, [], SYSTEM));
      counts.lost += 1;
    }
  }
  for (const record of await sessionStore.live()) {
    const event = { type: 'terminated', reason: 'sandbox_lost' } as const;
    const ended = advanceSession(record, event, clock.nowMs());
    if (ended !== undefined) {
      await settled(storage, () => sessionStore.change(ended, LIVE_STATUSES, 'session.terminated', SYSTEM));
    }
    counts.sessions += 1;
  }
  if (counts.lost + counts.queued + counts.sessions > 0)
    logger.warn(counts, 'recovered from an earlier process');
}

/** A full disk does not keep the server from starting: what was left is then put right as soon as there is room. */
async function settled(storage: StorageHealth, write: () => Promise<boolean>): Promise<void> {
  try {
    await storage.orLater(write);
  } catch (error) {
    if (!isCaissonError(error, 'storage_unavailable')) throw error;
  }
}
