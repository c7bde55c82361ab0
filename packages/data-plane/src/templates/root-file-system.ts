/** What a sandbox sees as `/`, below the mounts that every sandbox gets (`/proc`, `/dev`, `/tmp`, `/workspace`). */
export interface RootFileSystem {
  /** Directory on the host; it is only ever read, by many sandboxes at once. */
  readonly directory: string;
  /** Read-only mounts on top of it. */
  readonly mounts: readonly ReadOnlyMount[];
}

export interface ReadOnlyMount {
  readonly source: string;
  readonly destination: string;
}
