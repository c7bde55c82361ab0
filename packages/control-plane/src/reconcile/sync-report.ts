/** What a reconciliation has changed. */
export interface SyncReport {
  readonly executions: {
    /** Outcomes that had not been recorded. */
    recorded: number;
    /** Executions that no node knows: ended as lost. */
    lost: number;
    /** Jobs taken over from the queues of replicas that are gone. */
    requeued: number;
    /** Recorded outcomes that a node still kept. */
    acknowledged: number;
  };
  readonly sessions: {
    /** Sessions whose sandbox no node knows. */
    lost: number;
  };
  readonly sandboxes: {
    /** Sandboxes without a session. */
    destroyed: number;
    /** Leases renewed. */
    renewed: number;
  };
}

export function emptyReport(): SyncReport {
  return {
    executions: { recorded: 0, lost: 0, requeued: 0, acknowledged: 0 },
    sessions: { lost: 0 },
    sandboxes: { destroyed: 0, renewed: 0 },
  };
}
