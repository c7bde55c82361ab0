import { hash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Branded } from '@caisson/protocol/api';
import type { RootFileSystem } from './root-file-system.ts';

/** Identifies the root file system of a sandbox. Sandboxes with the same digest see the same root. */
export type RootDigest = Branded<string, 'rootDigest'>;

/**
 * Digest of a root on this host: its directories, links and mounts. A mounted directory is identified by device and inode, not by
 * its contents: packages that the host installs later do not change the digest.
 */
export function rootDigest({ directories, links, mounts }: RootFileSystem): RootDigest {
  const identity = {
    directories,
    links: links.map(({ path, target }) => [path, target]),
    mounts: mounts.map(({ source, destination }) => {
      const { dev, ino } = statSync(source);
      return [destination, dev, ino];
    }),
  };
  return `sha256:${hash('sha256', JSON.stringify(identity))}` as RootDigest;
}
