/** What a comparison of the rows with the node has changed. */
export interface SyncReport {
  readonly executions: {
    /** Ends that were never recorded. */
    recorded: number;
    /** Rows that no node knows: they have ended as lost. */
    lost: number;
    /** Jobs taken over from the queue of a replica that is gone. */
    requeued: number;
    /** Outcomes that a node still kept although they were on record. */
    acknowledged: number;
  };
  readonly sessions: {
    /** Whose sandbox no node knows. */
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
