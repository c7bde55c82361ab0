import { statSync } from 'node:fs';

/** Remembers what is at `paths` now. The function that it returns tells the first where that is not any more. */
export function rememberPaths(paths: readonly string[]): () => string | undefined {
  const remembered = paths.map((path) => ({ path, identity: identityOf(path) }));
  return () => remembered.find(({ path, identity }) => identityOf(path) !== identity)?.path;
}

function identityOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}
