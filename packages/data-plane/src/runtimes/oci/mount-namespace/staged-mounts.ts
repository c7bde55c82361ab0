import { existsSync, mkdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ReadOnlyMount, RootFileSystem } from '../../../templates/root-file-system.ts';

/** Where a container has the directories that single files are taken from. */
const HOST_DIRECTORIES = 'opt/caisson/host';
/** In the mount namespace, whatever the state directory is: a container sees the paths of its mounts in /proc/self/mountinfo. */
const NEUTRAL_DIRECTORY = '/mnt';

/** A file or directory of the host, and where a container has it. */
interface HostFile {
  readonly source: string;
  readonly destination: string;
}

/** The root with `files` in it. Only a directory can be mounted such that its inodes are not shared, so a file is a link into one. */
export function withFiles(root: RootFileSystem, files: readonly HostFile[]): RootFileSystem {
  const directories = new Set([...root.directories, HOST_DIRECTORIES]);
  const links = [...root.links];
  const mounts = [...root.mounts];
  for (const [index, { source, destination }] of files.entries()) {
    const path = destination.slice(1);
    if (statSync(source).isDirectory()) {
      directories.add(path);
      mounts.push({ source, destination });
      continue;
    }
    const directory = `${HOST_DIRECTORIES}/${index}`;
    if (path.includes('/')) directories.add(dirname(path));
    directories.add(directory);
    links.push({ path, target: `/${directory}/${basename(source)}` });
    mounts.push({ source: dirname(source), destination: `/${directory}` });
  }
  return { directories: [...directories], links, mounts };
}

/**
 * The same roots, with mounts from sources that root of a container's user namespace can reach: the originals may lie below a
 * directory that only the host's root may enter, such as /root.
 * @param directory is made; with `binds` in place, it holds the sources
 */
export function stageRoots<Key>(
  directory: string,
  roots: ReadonlyMap<Key, RootFileSystem>,
): {
  readonly roots: ReadonlyMap<Key, RootFileSystem>;
  readonly emptyDirectory: string;
  readonly binds: readonly { readonly source: string; readonly target: string }[];
} {
  mkdirSync(directory, { mode: 0o711 });
  mkdirSync(join(directory, 'empty'), { mode: 0o755 });
  const sources = new Set([...roots.values()].flatMap(({ mounts }) => mounts.map(({ source }) => source)));
  const originals = [...sources].map((source, index) => {
    const target = join(directory, String(index));
    mkdirSync(target, { mode: 0o711 });
    return { source, target };
  });
  // Not where it would cover what is still needed.
  const neutral = existsSync(NEUTRAL_DIRECTORY) && !directory.startsWith(`${NEUTRAL_DIRECTORY}/`);
  const seen = neutral ? NEUTRAL_DIRECTORY : directory;
  const seenAs = new Map(originals.map(({ source, target }) => [source, join(seen, basename(target))]));
  const stage = ({ source, destination }: ReadOnlyMount): ReadOnlyMount => ({
    source: seenAs.get(source) ?? source,
    destination,
  });
  const again = originals.map(({ target }) => ({ source: target, target: join(seen, basename(target)) }));
  return {
    roots: new Map([...roots].map(([key, root]) => [key, { ...root, mounts: root.mounts.map(stage) }])),
    emptyDirectory: join(seen, 'empty'),
    binds: neutral ? [...originals, { source: directory, target: seen }, ...again] : originals,
  };
}
