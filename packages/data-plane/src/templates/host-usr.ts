import { cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RootFileSystem } from './root-file-system.ts';

/** Mount points, and empty directories that programs expect; parents first. */
const DIRECTORIES = [
  'usr',
  'etc',
  'opt',
  'opt/caisson',
  'proc',
  'dev',
  'sys',
  'run',
  'tmp',
  'var',
  'var/tmp',
  'workspace',
  'root',
  'home',
];
/** Links of a merged /usr, as on Debian, Fedora and Arch. */
const USR_LINKS = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** The user that all code in a sandbox runs as. */
export const SANDBOX_USER = { uid: 1000, gid: 1000, name: 'sandbox' };
export const SANDBOX_HOSTNAME = 'sandbox';

const ETC_FILES: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0:root:/root:/usr/sbin/nologin\n${SANDBOX_USER.name}:x:1000:1000::/workspace:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
  group: `root:x:0:\ntty:x:5:\n${SANDBOX_USER.name}:x:1000:\nnogroup:x:65534:\n`,
  hosts: `127.0.0.1 localhost ${SANDBOX_HOSTNAME}\n::1 localhost\n`,
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  // No resolver: there is no network.
  'resolv.conf': '',
  hostname: `${SANDBOX_HOSTNAME}\n`,
  'os-release': 'NAME="Caisson sandbox"\nID=caisson\n',
};

/** Files of the host's /etc that programs in /usr need; none of them configures the host. */
const ETC_COPIES = [
  'alternatives',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'ssl/certs/ca-certificates.crt',
  'ssl/openssl.cnf',
  'localtime',
  'matplotlibrc',
  'mime.types',
  'protocols',
  'services',
];

/** Debian keeps parts of Python's library there, such as sitecustomize.py. */
const PYTHON_DIRECTORY = /^python3(\.\d+)?$/;

/**
 * A root with the host's `/usr` and its own `/etc`.
 * @param etcDirectory an empty directory that `/etc` is written to
 */
export function makeHostUsrRoot(etcDirectory: string): RootFileSystem {
  for (const [name, text] of Object.entries(ETC_FILES)) writeFileSync(join(etcDirectory, name), text);
  const copies = [...ETC_COPIES, ...readdirSync('/etc').filter((name) => PYTHON_DIRECTORY.test(name))];
  for (const name of copies) {
    if (!existsSync(`/etc/${name}`)) continue;
    cpSync(`/etc/${name}`, join(etcDirectory, name), { recursive: true, verbatimSymlinks: true });
  }
  return {
    directories: DIRECTORIES,
    links: USR_LINKS.filter((name) => existsSync(`/usr/${name}`)).map((name) => ({
      path: name,
      target: `usr/${name}`,
    })),
    mounts: [
      { source: '/usr', destination: '/usr' },
      { source: etcDirectory, destination: '/etc' },
    ],
  };
}
