import { MASKED_PATHS } from '../../../packages/data-plane/src/runtimes/oci/config/container-config.ts';
import { RUNNER_NAMESPACE_LIMITS } from '../../../packages/data-plane/src/runtimes/oci/config/namespace-limits.ts';
import { COVERED, isReadable } from '../wall-facts.ts';
import {
  CELLS,
  EVERY_PROCESS,
  inConfig,
  inForkServer,
  only,
  WALLS_OF_CELL,
  withoutNamespaceLimit,
} from './mutation.ts';
import type { Mutation } from './mutation.ts';

const SLOTS = 'packages/data-plane/src/cells/fork-server/slots.ts';
const ALL_TESTS = [WALLS_OF_CELL, EVERY_PROCESS, CELLS];

const by =
  (module: string) =>
  (wall: string, find: string, replace: string, tests = ALL_TESTS): Mutation => ({
    wall: `cell: ${wall}`,
    edits: [inForkServer(module, find, replace)],
    tests,
  });
const byWalls = by('walls');

const NAMESPACES: readonly Mutation[] = [
  byWalls('mount namespace', '    linux.CLONE_NEWNS\n    | ', '    '),
  byWalls('network namespace', '    | linux.CLONE_NEWNET\n', ''),
  byWalls('ipc namespace', '    | linux.CLONE_NEWIPC\n', ''),
  byWalls('uts namespace', '    | linux.CLONE_NEWUTS\n', ''),
  byWalls('cgroup namespace', '    | linux.CLONE_NEWCGROUP\n', ''),
  by('server')('pid namespace', '        linux.unshare(linux.CLONE_NEWPID)\n', ''),
  byWalls('user namespace', '        linux.unshare(linux.CLONE_NEWUSER)\n', ''),
  byWalls('groups that cannot be changed', "        write('/proc/self/setgroups', b'deny')\n", ''),
];

const MOUNT_TESTS = [
  only(WALLS_OF_CELL, 'every mount'),
  only(WALLS_OF_CELL, 'every file system in memory'),
  CELLS,
];
const byMount = (wall: string, find: string, replace: string) => byWalls(wall, find, replace, MOUNT_TESTS);

const MOUNTS: readonly Mutation[] = [
  ...MASKED_PATHS.filter((path) => COVERED.includes(path) && isReadable(path)).map((path) =>
    byWalls(
      `${path} covered`,
      "for path in config['masked_paths'] if can_be_read(path)]",
      `for path in config['masked_paths'] if can_be_read(path) and path != '${path}']`,
      [only(WALLS_OF_CELL, 'what tells of the host')],
    ),
  ),
  byMount('/proc/sys read-only', '        for path in self._read_only:\n', '        for path in ():\n'),
  byMount('nosuid', 'SAFE = MS_NOSUID | MS_NODEV', 'SAFE = MS_NODEV'),
  byMount('nodev', 'SAFE = MS_NOSUID | MS_NODEV', 'SAFE = MS_NOSUID'),
  byMount('noexec of /proc', "b'proc', SAFE | MS_NOEXEC)", "b'proc', SAFE)"),
  byMount('noexec of /dev/shm', "tmpfs(b'/dev/shm', SAFE | MS_NOEXEC", "tmpfs(b'/dev/shm', SAFE"),
  byMount('noexec of /dev/pts', 'MS_NOSUID | MS_NOEXEC, devpts', 'MS_NOSUID, devpts'),
  byMount('nosuid of /dev/pts', 'MS_NOSUID | MS_NOEXEC, devpts', 'MS_NOEXEC, devpts'),
  byMount('noexec of /run', "tmpfs(b'/run', SAFE | MS_NOEXEC | MS_RDONLY", "tmpfs(b'/run', SAFE | MS_RDONLY"),
  byMount('/run read-only', "tmpfs(b'/run', SAFE | MS_NOEXEC | MS_RDONLY", "tmpfs(b'/run', SAFE | MS_NOEXEC"),
  byMount('sockets of the server covered', "    tmpfs(b'/run', ", "    tmpfs(b'/mnt', "),
  byMount('size of /tmp', '1777,{params["tmp"]}', '1777'),
  byMount('size of /workspace', ',{params["workspace"]}', ''),
  byMount('size of /dev/shm', '1777,{params["shm"]}', '1777'),
  byMount('/tmp of its own', "    tmpfs(b'/tmp', SAFE, f'mode=1777,{params[\"tmp\"]}')\n", ''),
  byMount(
    'number of terminals',
    "self._devpts_options = config['devpts_options'].encode()",
    "self._devpts_options = b'newinstance,ptmxmode=0666,mode=0620'",
  ),
];

const PROCESSES: readonly Mutation[] = [
  byWalls('an id of its own', '        os.setresuid(outer_id, outer_id, outer_id)\n', ''),
  {
    wall: 'cell: no groups',
    edits: [
      inForkServer('walls', '        os.setgroups([])\n', ''),
      // Without any of its own, a runner has none to pass on.
      inConfig('runner', 'config.process.user.additionalGids = [42];'),
    ],
    tests: [EVERY_PROCESS],
  },
  byWalls('no capabilities', '        self._capabilities.drop_all()\n', ''),
  by('linux')(
    'no capabilities in the bounding set',
    '            prctl(PR_CAPBSET_DROP, capability)\n',
    '            pass\n',
  ),
  {
    wall: 'cell: no new privileges',
    edits: [
      inForkServer('walls', '        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)\n', ''),
      inConfig('runner', 'config.process.noNewPrivileges = false;'),
    ],
    tests: ALL_TESTS,
  },
  by('server')(
    'init without capabilities',
    '    linux.prctl(linux.PR_SET_SECUREBITS, linux.SECBIT_NOROOT)\n',
    '',
  ),
  by('cell')('seccomp list of its own', '    walls.seal()\n', ''),
  {
    wall: 'cell: seccomp list of its runner',
    edits: [inConfig('runner', 'delete config.linux.seccomp;')],
    tests: ALL_TESTS,
  },
  byWalls(
    'RLIMIT_FSIZE',
    "        resource.setrlimit(resource.RLIMIT_FSIZE, (params['file_size_bytes'],) * 2)\n",
    '',
  ),
  by('cell')('descriptors of the server closed', '    os.closerange(3, CHANNEL)\n', ''),
  by('cell')('descriptors above its channel closed', '    os.closerange(CHANNEL + 1, 1 << 20)\n', ''),
  by('cell')('channel open in one direction', '    connection.shutdown(_socket.SHUT_WR)\n', '', [
    {
      file: 'tests/adversarial/control-channel.test.ts',
      pattern: 'a cell has a socket to the server that is open in one direction',
    },
  ]),
];

const LIMIT_TESTS = [only(WALLS_OF_CELL, 'the kernel limits'), WALLS_OF_CELL, CELLS];
const SETTINGS_TESTS = [only(WALLS_OF_CELL, 'its network namespace')];
const RESOURCES: readonly Mutation[] = [
  by('cell')('its cgroup', "        os.write(descriptor, b'0')\n", '        pass\n', LIMIT_TESTS),
  ...[
    ['memory', '    memoryBytes: cgroupMemoryBytes(resources),\n'],
    ['cpu', '    cpuQuotaUs: Math.round(cpuQuotaUs(resources)),\n'],
    ['pids', '    pids: resources.pids,\n'],
    ['the buffers of sockets', '      cgroup.limitSocketMemory();\n'],
  ].map(([name = '', find = '']) => ({
    wall: `cell: limit of ${name}`,
    edits: [{ file: SLOTS, find, replace: '' }],
    tests: LIMIT_TESTS,
  })),
  ...['net/ipv4/tcp_rmem', 'net/ipv4/tcp_max_tw_buckets'].map((path) =>
    byWalls(
      path,
      'value.encode()) for path, value in settings]',
      `value.encode()) for path, value in settings if path != '${path}']`,
      SETTINGS_TESTS,
    ),
  ),
  ...['memory', 'pids'].map((name) => ({
    wall: `runner: limit of ${name}`,
    edits: [inConfig('runner', `delete config.linux.resources.${name};`)],
    tests: LIMIT_TESTS,
  })),
  ...Object.keys(RUNNER_NAMESPACE_LIMITS).map((name) => ({
    wall: `runner: ${name}`,
    edits: [withoutNamespaceLimit(name)],
    tests: SETTINGS_TESTS,
  })),
  {
    wall: 'runner: root read-only',
    edits: [inConfig('runner', 'config.root.readonly = false;')],
    tests: MOUNT_TESTS,
  },
];

export const CELL_WALLS: readonly Mutation[] = [...NAMESPACES, ...MOUNTS, ...PROCESSES, ...RESOURCES];
