import { statSync } from 'node:fs';

/** Remembers the files at `paths`. The returned function finds the first path that was removed or replaced since. */
export function rememberPaths(paths: readonly string[]): () => string | undefined {
  const remembered = paths.map((path) => ({ path, identity: identityOf(path) }));
  return () => remembered.find(({ path, identity }) => identityOf(path) !== identity)?.path;
}

function identityOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}
