import type { Stats } from 'node:fs';
import type { WorkspacePath } from '@caisson/protocol/api';
import type { FileEntry } from '@caisson/protocol/ports';

const PERMISSION_BITS = 0o7777;
const EARLIEST_MS = Date.parse('0000-01-01T00:00:00.000Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** The entry that `stats` describes. */
export function entryOf(path: WorkspacePath, stats: Stats): FileEntry {
  return {
    path,
    name: path.slice(path.lastIndexOf('/') + 1),
    type: typeOf(stats),
    sizeBytes: stats.size,
    mode: stats.mode & PERMISSION_BITS,
    modifiedAt: dateOf(stats),
  };
}

/** The owner of a file can set any time, also one that RFC 3339 cannot express: it gets the nearest that can be. */
function dateOf({ mtimeMs }: Stats): Date {
  return new Date(Math.min(Math.max(mtimeMs, EARLIEST_MS), LATEST_MS));
}

function typeOf(stats: Stats): FileEntry['type'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'link' : 'other';
}
