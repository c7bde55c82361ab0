import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** The `/` of a sandbox, without the mounts that every sandbox gets (`/proc`, `/dev`, `/tmp`, `/workspace`). */
export interface RootFileSystem {
  /** Empty directories and mount points, relative to the root; parents first. */
  readonly directories: readonly string[];
  /** Symbolic links, relative to the root. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
  /** Directories of the host that every sandbox sees read-only. */
  readonly mounts: readonly ReadOnlyMount[];
}

export interface ReadOnlyMount {
  /** A directory. */
  readonly source: string;
  readonly destination: string;
}

/** Creates the directories and links of a root in `directory`, which must not exist yet. Each sandbox has its own. */
export function makeRoot(root: RootFileSystem, directory: string): void {
  mkdirSync(directory, { mode: 0o755 });
  for (const name of root.directories) mkdirSync(join(directory, name), { mode: 0o755 });
  // runc gives the mount the mode of this directory, whatever the mount options say.
  chmodSync(join(directory, 'tmp'), 0o1777);
  for (const { path, target } of root.links) symlinkSync(target, join(directory, path));
}
