import { MASKED_PATHS } from '../../../packages/data-plane/src/runtimes/oci/config/container-config.ts';
import { SANDBOX_NAMESPACE_LIMITS } from '../../../packages/data-plane/src/runtimes/oci/config/namespace-limits.ts';
import { COVERED } from '../wall-facts.ts';
import {
  EVERY_PROCESS,
  inConfig,
  inProcess,
  only,
  SANDBOX,
  WALLS_OF_SANDBOX,
  withoutNamespaceLimit,
} from './mutation.ts';
import type { Edit, Mutation } from './mutation.ts';

const OCI = 'packages/data-plane/src/runtimes/oci';
const WORKSPACE = 'packages/data-plane/src/workspaces/workspace.ts';
const ALL_TESTS = [WALLS_OF_SANDBOX, EVERY_PROCESS, SANDBOX];

const byConfig = (wall: string, change: string, tests = ALL_TESTS): Mutation => ({
  wall: `sandbox: ${wall}`,
  edits: [inConfig('sandbox', change)],
  tests,
});

const NAMESPACES = ['user', 'pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) =>
  byConfig(
    `${type} namespace`,
    `config.linux.namespaces = config.linux.namespaces.filter((each: any) => each.type !== '${type}');`,
  ),
);

const PATHS = [
  ...MASKED_PATHS.filter((path) => COVERED.includes(path)).map((path) =>
    byConfig(
      `${path} covered`,
      `config.linux.maskedPaths = config.linux.maskedPaths.filter((each: string) => each !== '${path}');`,
      [only(WALLS_OF_SANDBOX, 'what tells of the host')],
    ),
  ),
  byConfig('/proc/sys read-only', 'config.linux.readonlyPaths = [];'),
];

/** Options of the runtime's mounts. Those of the workspace are also set by the helper, so they follow below. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  '/proc': ['nosuid', 'noexec', 'nodev'],
  '/dev': ['nosuid', 'size'],
  '/dev/pts': ['nosuid', 'noexec', 'max'],
  '/dev/shm': ['nosuid', 'noexec', 'nodev', 'size', 'nr_inodes'],
  '/tmp': ['nosuid', 'nodev', 'size', 'nr_inodes'],
  '/usr': ['ro', 'nosuid', 'nodev'],
  '/etc': ['ro', 'nosuid', 'nodev'],
};

const withoutOption = (destination: string, option: string) =>
  `for (const each of config.mounts) if (each.destination === '${destination}')
    each.options = each.options.filter((text: string) => text.split('=')[0] !== '${option}');`;

const MOUNT_TESTS = [
  only(WALLS_OF_SANDBOX, 'every mount'),
  only(WALLS_OF_SANDBOX, 'every file system in memory'),
  SANDBOX,
];

const ofWorkspace = (name: string, edits: readonly Edit[]): Mutation => ({
  wall: `sandbox: ${name} of /workspace`,
  edits,
  tests: MOUNT_TESTS,
});

const MOUNTS: readonly Mutation[] = [
  ...Object.entries(OPTIONS).flatMap(([destination, options]) =>
    options.map((option) =>
      byConfig(`${option} of ${destination}`, withoutOption(destination, option), MOUNT_TESTS),
    ),
  ),
  ...['nosuid', 'nodev'].map((option) =>
    ofWorkspace(option, [
      inConfig('sandbox', withoutOption('/workspace', option)),
      { file: WORKSPACE, find: `    '${option}',\n`, replace: '' },
    ]),
  ),
  ofWorkspace('size', [
    {
      file: WORKSPACE,
      find: '...tmpfsLimits(sizeBytes),',
      replace: "...tmpfsLimits(sizeBytes).filter((text) => !text.startsWith('size')),",
    },
  ]),
  ofWorkspace('number of files', [
    {
      file: WORKSPACE,
      find: '...tmpfsLimits(sizeBytes),',
      replace: "...tmpfsLimits(sizeBytes).filter((text) => !text.startsWith('nr_inodes')),",
    },
  ]),
  byConfig('root read-only', 'config.root.readonly = false;', MOUNT_TESTS),
  ...['nosuid', 'nodev'].map((option) => ({
    wall: `sandbox: ${option} of the root`,
    edits: [
      {
        file: `${OCI}/mount-namespace/mount_namespace.py`,
        find: "FLAGS['nosuid'] | FLAGS['nodev'], 'mode=0711'",
        replace: `FLAGS['${option === 'nosuid' ? 'nodev' : 'nosuid'}'], 'mode=0711'`,
      },
    ],
    tests: MOUNT_TESTS,
  })),
  byConfig('private mounts', "config.linux.rootfsPropagation = 'shared';", MOUNT_TESTS),
  byConfig(
    '/usr a file system of its own',
    `for (const each of config.mounts) if (each.destination === '/usr') {
      each.type = 'bind'; each.source = each.options.find((text: string) => text.startsWith('lowerdir=')).slice(9).split(':')[0];
      each.options = ['bind', 'ro', 'nosuid', 'nodev']; }`,
  ),
  byConfig(
    'harmless devices alone',
    "config.linux.devices = [{ path: '/dev/kmsg', type: 'c', major: 1, minor: 11, fileMode: 438, uid: 0, gid: 0 }];",
  ),
];

const byProcess = (wall: string, change: string, tests = [EVERY_PROCESS, SANDBOX]): Mutation => ({
  wall: `sandbox: ${wall}`,
  edits: inProcess(change),
  tests,
});

const LIMITS = ['NOFILE', 'CORE', 'MEMLOCK', 'MSGQUEUE', 'SIGPENDING', 'FSIZE'];
const PROCESSES: readonly Mutation[] = [
  byProcess('user without rights', 'process.user.uid = 0;'),
  byProcess('group without rights', 'process.user.gid = 0;'),
  byProcess('no capabilities in the bounding set', "process.capabilities.bounding = ['CAP_SYS_PTRACE'];"),
  byProcess(
    'no capabilities',
    "for (const set of Object.keys(process.capabilities)) process.capabilities[set] = ['CAP_SYS_PTRACE'];",
  ),
  byProcess('no new privileges', 'process.noNewPrivileges = false;'),
  byProcess('oom_score_adj not below 0', 'process.oomScoreAdj = -900;'),
  ...LIMITS.map((name) =>
    byProcess(
      `RLIMIT_${name}`,
      `for (const each of process.rlimits) if (each.type === 'RLIMIT_${name}') each.soft = each.hard = 7777;`,
    ),
  ),
];

const RESOURCE_TESTS = [only(WALLS_OF_SANDBOX, 'the kernel limits'), WALLS_OF_SANDBOX, SANDBOX];
const RESOURCES: readonly Mutation[] = [
  ...['memory', 'cpu', 'pids'].map((name) =>
    byConfig(`limit of ${name}`, `delete config.linux.resources.${name};`, RESOURCE_TESTS),
  ),
  byConfig('limit of swap', 'delete config.linux.resources.memory.swap;', RESOURCE_TESTS),
  {
    wall: 'sandbox: limit of the buffers of sockets',
    edits: [{ file: `${OCI}/container/container.ts`, find: '  cgroup.limitSocketMemory();\n', replace: '' }],
    tests: RESOURCE_TESTS,
  },
  ...['net.ipv4.tcp_rmem', 'net.ipv4.tcp_max_tw_buckets'].map((name) =>
    byConfig(name, `delete config.linux.sysctl['${name}'];`),
  ),
  ...Object.keys(SANDBOX_NAMESPACE_LIMITS).map((name) => ({
    wall: `sandbox: ${name}`,
    edits: [withoutNamespaceLimit(name)],
    tests: [only(WALLS_OF_SANDBOX, 'its network namespace')],
  })),
  {
    wall: 'sandbox: few netlink sockets',
    edits: [
      {
        file: `${OCI}/mount-namespace/netlink_gate.py`,
        find: 'return int(sockets)',
        replace: 'return 0',
      },
    ],
    tests: [only(WALLS_OF_SANDBOX, 'it gets a few')],
  },
];

export const SANDBOX_WALLS: readonly Mutation[] = [
  ...NAMESPACES,
  ...PATHS,
  ...MOUNTS,
  ...PROCESSES,
  ...RESOURCES,
];
