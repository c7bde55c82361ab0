import type { Stats } from 'node:fs';
import type { FileEntry, WorkspacePath } from '@caisson/protocol';

const PERMISSION_BITS = 0o7777;

/** The entry that `stats` tells of. */
export function entryOf(path: WorkspacePath, stats: Stats): FileEntry {
  return {
    path,
    name: path.slice(path.lastIndexOf('/') + 1),
    type: typeOf(stats),
    sizeBytes: stats.size,
    mode: stats.mode & PERMISSION_BITS,
    modifiedAt: stats.mtime,
  };
}

function typeOf(stats: Stats): FileEntry['type'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'link' : 'other';
}
