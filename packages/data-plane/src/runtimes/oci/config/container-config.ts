import type { Resources } from '@caisson/protocol/ports';
import { CPU_PERIOD_US, cpuQuotaUs } from '../../../cgroups/cpu-quota.ts';
import type { IdRange } from '../../../limits/id-ranges.ts';
import { cgroupMemoryBytes, SHM_BYTES, TMP_BYTES, tmpfsLimits } from '../../../limits/memory-file-systems.ts';
import type { ReadOnlyMount } from '../../../templates/root-file-system.ts';
import { SANDBOX_HOSTNAME, SANDBOX_USER } from '../../../templates/host-usr.ts';
import type { ProcessConfig } from './process-config.ts';
import type { SeccompConfig } from '../seccomp/seccomp.ts';
import type { SandboxNetwork } from '../../runtime.ts';

/** The runtimes' defaults, and what else shows the host's devices, its load or what other tenants do. */
export const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/buddyinfo',
  '/proc/bus',
  '/proc/cgroups',
  '/proc/cmdline',
  '/proc/config.gz',
  '/proc/diskstats',
  '/proc/fs',
  '/proc/interrupts',
  '/proc/irq',
  '/proc/kallsyms',
  '/proc/kcore',
  '/proc/keys',
  '/proc/key-users',
  '/proc/kmsg',
  '/proc/latency_stats',
  '/proc/locks',
  '/proc/modules',
  '/proc/pagetypeinfo',
  '/proc/partitions',
  '/proc/pressure',
  '/proc/sched_debug',
  '/proc/schedstat',
  '/proc/scsi',
  '/proc/slabinfo',
  '/proc/softirqs',
  '/proc/swaps',
  '/proc/sys/fs',
  '/proc/sys/kernel/pty',
  '/proc/sys/kernel/random/boot_id',
  '/proc/sysrq-trigger',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/vmallocinfo',
  '/proc/vmstat',
  '/proc/zoneinfo',
];
export const READ_ONLY_PATHS = ['/proc/sys'];

/** Of one sandbox or cell: the kernel counts terminals for the whole host. */
export const TERMINALS = 16;
export const DEVPTS_OPTIONS = ['newinstance', 'ptmxmode=0666', 'mode=0620', `max=${TERMINALS}`];

/**
 * Settings of a network namespace, by their paths below `/proc/sys`. No cgroup counts what a connection holds before it is
 * accepted, nor what is left of it after it was closed.
 */
export const NETWORK_SETTINGS: readonly (readonly [path: string, value: string])[] = [
  // Least, initial and largest buffer for what is received, in bytes.
  ['net/ipv4/tcp_rmem', '4096 16384 1048576'],
  ['net/ipv4/tcp_max_tw_buckets', '1024'],
];

const NEW_NAMESPACES = ['pid', 'ipc', 'uts', 'mount', 'cgroup'];

/** The network namespace that gives a sandbox what it may reach. */
const NETWORK_NAMESPACES: Readonly<Record<SandboxNetwork['mode'], object>> = {
  // A new one has a loopback and nothing else.
  none: { type: 'network' },
};

/** What every container of this data plane has in common. */
interface Shared {
  readonly process: ProcessConfig;
  /** Host path of the root, which no other container has. */
  readonly root: string;
  readonly mounts: readonly ReadOnlyMount[];
  /** Host path of an empty directory. */
  readonly emptyDirectory: string;
  readonly idRange: IdRange;
  /** Path of a user namespace with the ids of `idRange`. */
  readonly userNamespace: string;
  readonly cgroupPath: string;
  readonly seccomp: SeccompConfig;
}

/** `config.json` of a sandbox's bundle, for the OCI runtime specification 1.0. */
export function sandboxConfig(
  sandbox: Shared & {
    /** Host path of a file system of the sandbox's own. */
    readonly workspace: string;
    readonly resources: Resources;
    readonly network: SandboxNetwork;
  },
): object {
  const { resources, network } = sandbox;
  return containerConfig(sandbox, {
    networkNamespace: NETWORK_NAMESPACES[network.mode],
    mounts: [
      tmpfs('/dev/shm', ['nosuid', 'noexec', 'nodev', 'mode=1777', ...tmpfsLimits(SHM_BYTES)]),
      tmpfs('/tmp', ['nosuid', 'nodev', 'mode=1777', ...tmpfsLimits(TMP_BYTES)]),
      {
        destination: '/workspace',
        type: 'bind',
        source: sandbox.workspace,
        options: ['bind', 'rw', 'nosuid', 'nodev', 'private'],
      },
    ],
    resources: {
      memory: withoutSwap(cgroupMemoryBytes(resources)),
      cpu: { period: CPU_PERIOD_US, quota: cpuQuotaUs(resources) },
      // The first process counts too.
      pids: { limit: resources.pids + 1 },
    },
    maskedPaths: MASKED_PATHS,
    readonlyPaths: READ_ONLY_PATHS,
  });
}

/**
 * `config.json` of a runner's bundle. Each of its cells mounts a `/proc` of its own, which the kernel allows only where
 * nothing of the runner's is masked, and covers it as a sandbox's is; and file systems of its own, so the runner has none
 * to write to but a small one for its sockets.
 * @param runner.limits of the server alone: its cells lie in other cgroups
 */
export function runnerConfig(
  runner: Shared & { readonly limits: { readonly memoryBytes: number; readonly pids: number } },
): object {
  const { memoryBytes, pids } = runner.limits;
  return containerConfig(runner, {
    // Its cells make namespaces of their own.
    networkNamespace: NETWORK_NAMESPACES.none,
    mounts: [
      tmpfs('/dev/shm', ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536']),
      tmpfs('/run', ['nosuid', 'noexec', 'nodev', 'mode=0700', 'size=16m']),
    ],
    resources: { memory: withoutSwap(memoryBytes), pids: { limit: pids } },
    maskedPaths: [],
    readonlyPaths: [],
  });
}

function containerConfig(
  shared: Shared,
  own: {
    readonly networkNamespace: object;
    readonly mounts: readonly object[];
    readonly resources: object;
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
  },
): object {
  const { idRange, userNamespace } = shared;
  const ids = [{ containerID: 0, hostID: idRange.firstHostId, size: idRange.size }];
  const { mounts, networkNamespace: network, ...linux } = own;
  return {
    ociVersion: '1.0.2',
    process: shared.process,
    root: { path: shared.root, readonly: true },
    hostname: SANDBOX_HOSTNAME,
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      tmpfs('/dev', ['nosuid', 'strictatime', 'mode=755', 'size=65536']),
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', ...DEVPTS_OPTIONS],
      },
      ...shared.mounts.map((mount) => readOnlyCopy(mount, shared.emptyDirectory)),
      ...mounts,
    ],
    linux: {
      namespaces: [
        { type: 'user', path: userNamespace },
        network,
        ...NEW_NAMESPACES.map((type) => ({ type })),
      ],
      uidMappings: ids,
      gidMappings: ids,
      cgroupsPath: shared.cgroupPath,
      seccomp: shared.seccomp,
      sysctl: Object.fromEntries(NETWORK_SETTINGS.map(([path, value]) => [path.replaceAll('/', '.'), value])),
      rootfsPropagation: 'private',
      ...linux,
    },
  };
}

/** Equal limits, so that none of it is swap. */
function withoutSwap(bytes: number): object {
  return { limit: bytes, swap: bytes };
}

/** Host ids of the user that the code runs as. */
export function sandboxOwner(idRange: IdRange): { uid: number; gid: number } {
  return { uid: idRange.firstHostId + SANDBOX_USER.uid, gid: idRange.firstHostId + SANDBOX_USER.gid };
}

function tmpfs(destination: string, options: readonly string[]): object {
  return { destination, type: 'tmpfs', source: 'tmpfs', options };
}

/**
 * A directory of the host as a file system of the container's own. A bind mount would share its inodes: inotify(7) on them would
 * show every file that another sandbox, or the host, opens there.
 */
function readOnlyCopy({ source, destination }: ReadOnlyMount, emptyDirectory: string): object {
  return {
    destination,
    type: 'overlay',
    source: 'overlay',
    // Without a directory to write to, the kernel wants two.
    options: ['ro', 'nosuid', 'nodev', `lowerdir=${source}:${emptyDirectory}`],
  };
}
