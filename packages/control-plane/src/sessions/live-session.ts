import type { CaissonError, LentSandbox } from '@caisson/protocol';
import type { SessionRecord } from '../model/session-record.ts';

/** A session that has not ended, as this process holds it. */
export interface LiveSession {
  record: SessionRecord;
  /** `undefined` until it is made. */
  sandbox: LentSandbox | undefined;
  /** Aborts the making of the sandbox. */
  readonly creation: AbortController;
  /** Calls that use it now, besides its steps. */
  uses: number;
  /** What is being done to its state right now. */
  changing: 'pause' | 'resume' | undefined;
  /** Settles when it has ended and nothing of it is left; `undefined` while it lives. */
  ending: Promise<void> | undefined;
  /** Whether its row is in the database. */
  inserted: boolean;
  /** Set while its end cannot be written: what to tell those who ask for the end. */
  unwritten: CaissonError | undefined;
}

export function liveSession(record: SessionRecord): LiveSession {
  return {
    record,
    sandbox: undefined,
    creation: new AbortController(),
    uses: 0,
    changing: undefined,
    ending: undefined,
    inserted: false,
    unwritten: undefined,
  };
}
