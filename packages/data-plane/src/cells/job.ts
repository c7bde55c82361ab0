import { CaissonError } from '@caisson/protocol/api';
import type { SandboxId } from '@caisson/protocol/api';
import type { EventSink, StepOutcome, StepRequest } from '@caisson/protocol/ports';
import { SessionEngine } from '@caisson/session-agent';
import type { KernelSpawner, LoopShare, SpawnedKernel } from '@caisson/session-agent';
import type { Cell } from './fork-server/fork-server.ts';

export interface CellJob {
  readonly step: StepRequest;
  readonly events: EventSink;
  readonly loopShare: LoopShare;
}

/**
 * Runs one step in a cell, with the same engine that runs sessions. The cell cannot be used again; the caller ends it.
 * @param id of the job's sandbox, for errors
 * @throws CaissonError `sandbox_lost` if the runner ended before the job did
 */
export async function runInCell(
  id: SandboxId,
  cell: Cell,
  { step, events, loopShare }: CellJob,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const engine = new SessionEngine({
    spawner: new CellSpawner(id, cell),
    meter: cell.meter,
    memoryLimitBytes: cell.spec.resources.memoryBytes,
    loopShare,
  });
  const outcome = await engine.run(step, events, signal);
  if (cell.lost && outcome.status === 'failed') throw new CaissonError('sandbox_lost', { id });
  return outcome;
}

/** Hands out the one process of a cell, which runs already. */
class CellSpawner implements KernelSpawner {
  readonly #id: SandboxId;
  #cell: Cell | undefined;

  constructor(id: SandboxId, cell: Cell) {
    this.#id = id;
    this.#cell = cell;
  }

  async spawnKernel(): Promise<SpawnedKernel> {
    const cell = this.#cell;
    this.#cell = undefined;
    if (cell === undefined) throw new CaissonError('sandbox_lost', { id: this.#id });
    return Promise.resolve(cell);
  }
}
