import { existsSync, statSync } from 'node:fs';

const MIB = 2 ** 20;

/** Where code runs: in its own sandbox, or in a cell of a runner. */
export type Scope = 'sandbox' | 'cell';

/** What code sees of the walls around it. */
export interface WallFacts {
  /** By mount point; the topmost of several mounts on one path. */
  readonly mounts: Readonly<Record<string, MountFacts>>;
  /** By path: size of the file system in bytes and files. */
  readonly sizes: Readonly<Record<string, readonly [bytes: number, files: number]>>;
  readonly devices: readonly string[];
  readonly namespaces: Readonly<Record<string, string>>;
  readonly namespaceLimits: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly groups: string;
}

interface MountFacts {
  readonly options: readonly string[];
  /** Propagation of the mount: empty if it is private. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly superOptions: readonly string[];
}

/** Python code that prints its `WallFacts` as JSON. It runs on the host, too. */
export const FACTS = `
import json, os, socket
def read(path):
    try:
        return ' '.join(open(path).read().split())
    except OSError as error:
        return str(error.errno)
mounts = {}
for line in open('/proc/self/mountinfo'):
    before, after = line.rstrip('\\n').split(' - ')
    fields = before.split(' ')
    kind, source, options = after.split(' ')
    mounts[fields[4]] = {'options': fields[5].split(','), 'propagation': fields[6:], 'type': kind, 'superOptions': options.split(',')}
sizes = {}
for path in ('/tmp', '/workspace', '/dev/shm', '/dev'):
    if os.path.isdir(path):
        disk = os.statvfs(path)
        sizes[path] = [disk.f_blocks * disk.f_frsize, disk.f_files]
users, network = '/proc/sys/user/', '/proc/sys/net/ipv4/'
print(json.dumps({
    'mounts': mounts,
    'sizes': sizes,
    'devices': sorted(os.listdir('/dev')),
    'namespaces': {name: os.readlink('/proc/self/ns/' + name) for name in sorted(os.listdir('/proc/self/ns'))},
    'namespaceLimits': {name: read(users + name) for name in sorted(os.listdir(users))},
    'settings': {name: read(network + name) for name in ('tcp_rmem', 'tcp_max_tw_buckets')},
    'hostname': socket.gethostname(),
    'groups': read('/proc/self/setgroups'),
}))
`;

/** Size of the workspace in these tests. */
export const DISK_BYTES = 32 * MIB;

/** Namespaces of the code; the time namespace is the host's. */
export const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'];

/** Maximum number of each kind of namespace in a sandbox, including its own. */
export const NAMESPACE_LIMITS = {
  max_cgroup_namespaces: '1',
  max_fanotify_groups: '0',
  max_fanotify_marks: '0',
  max_inotify_instances: '32',
  max_inotify_watches: '8192',
  max_ipc_namespaces: '1',
  max_mnt_namespaces: '1',
  max_net_namespaces: '1',
  max_pid_namespaces: '1',
  max_time_namespaces: '0',
  max_user_namespaces: '0',
  max_uts_namespaces: '1',
};

/** Maximum number of each kind for all cells of a runner together, or per cell if the kernel counts per creator. */
export const RUNNER_LIMITS = {
  max_fanotify_groups: '0',
  max_fanotify_marks: '0',
  max_inotify_instances: '4',
  max_inotify_watches: '4096',
};

export const SETTINGS = { tcp_rmem: '4096 16384 1048576', tcp_max_tw_buckets: '1024' };

/** Harmless devices, links to a process's own streams, and directories. */
export const DEVICES = new Set(
  'console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(' '),
);

/** Required restrictions of each mount; mounts that are not listed must be read-only. */
const STRICT: Readonly<Record<string, readonly string[]>> = {
  '/': ['ro', 'nosuid', 'nodev'],
  '/proc': ['nosuid', 'noexec', 'nodev'],
  '/proc/sys': ['ro'],
  '/dev': ['nosuid'],
  '/dev/pts': ['nosuid', 'noexec'],
  '/dev/shm': ['nosuid', 'noexec', 'nodev'],
  '/tmp': ['nosuid', 'nodev'],
  '/workspace': ['nosuid', 'nodev'],
};
const READ_ONLY = ['ro', 'nosuid', 'nodev'];
/** In a runner, the server's sockets are below this directory. */
const CELL_RUN = ['ro', 'nosuid', 'noexec', 'nodev'];

/** Missing options of mounts, one per line. */
export function laxMounts({ mounts }: WallFacts, scope: Scope): string[] {
  const expected = scope === 'cell' ? { ...STRICT, '/run': CELL_RUN } : STRICT;
  const missing = Object.keys(expected).filter((point) => mounts[point] === undefined);
  return [
    ...missing.map((point) => `${point} is not mounted`),
    ...Object.entries(mounts).flatMap(([point, { options }]) => {
      // Covered paths and single devices are checked separately.
      if (/^\/(proc|dev)\//.test(point) && expected[point] === undefined) return [];
      const wanted = expected[point] ?? READ_ONLY;
      return wanted.filter((option) => !options.includes(option)).map((option) => `${point} lacks ${option}`);
    }),
  ];
}

/** Directories of the host that must be separate file systems in the container. */
export const COPIES = /^\/(usr|etc|opt\/caisson\/.+)$/;

export const SIZES = {
  '/tmp': [64 * MIB, 65_536],
  '/workspace': [DISK_BYTES, 32_768],
  '/dev/shm': [64 * MIB, 65_536],
};
export const DEV_BYTES = 65_536;

/** Paths of this kernel that reveal the host's devices, its load or the activity of other tenants. */
export const COVERED =
  `acpi asound buddyinfo bus cgroups cmdline config.gz diskstats fs interrupts irq kallsyms kcore keys
key-users kmsg latency_stats locks modules pagetypeinfo partitions pressure sched_debug schedstat scsi slabinfo softirqs swaps sys/fs
sys/kernel/pty sys/kernel/random/boot_id sysrq-trigger timer_list timer_stats vmallocinfo vmstat zoneinfo`
    .split(/\s+/)
    .map((name) => `/proc/${name}`)
    .filter((path) => existsSync(path));

/** Whether users other than root could read it if it were not covered. Cells have no root, so only these paths are covered. */
export function isReadable(path: string): boolean {
  const { mode } = statSync(path);
  return (mode & 0o007) !== 0;
}
