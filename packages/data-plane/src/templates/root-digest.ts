import { hash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Branded } from '@caisson/protocol/api';
import type { RootFileSystem } from './root-file-system.ts';

/** Identifies the file system that a sandbox has as its root. Two sandboxes with the same digest see the same one. */
export type RootDigest = Branded<string, 'rootDigest'>;

/**
 * The digest of a root on this host: of its directories and links, and of which directories are mounted where. It identifies a
 * mounted directory by device and inode, not by its contents: packages that the host installs later do not change it.
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
