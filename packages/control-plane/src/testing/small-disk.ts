import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CHUNKS = [64 * 1024, 4096, 1];

/** A file system of a few megabytes that can be filled to the last byte; disposal unmounts it. */
export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Fills all free space. */
  fill(): void;
  /** Frees the filled space. */
  empty(): void;
}

export function mountSmallDisk(megabytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'caisson-small-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', path]);
  const ballast = join(path, 'ballast');
  return {
    path,
    fill() {
      const file = openSync(ballast, 'a');
      try {
        for (const bytes of CHUNKS) writeUntilFull(file, bytes);
      } finally {
        closeSync(file);
      }
    },
    empty() {
      rmSync(ballast);
    },
    [Symbol.dispose]() {
      // Lazily: a server left by a failed test may still use it.
      execFileSync('umount', ['--lazy', path]);
      rmdirSync(path);
    },
  };
}

function writeUntilFull(file: number, bytes: number): void {
  const chunk = Buffer.alloc(bytes);
  try {
    for (;;) writeSync(file, chunk);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
