import type { Resources } from '@caisson/protocol';
import { CPU_PERIOD_US, cpuQuotaUs } from '../../limits/cpu-quota.ts';
import type { IdRange } from '../../limits/id-ranges.ts';
import { cgroupMemoryBytes, SHM_BYTES, TMP_BYTES, tmpfsLimits } from '../../limits/memory-file-systems.ts';
import type { ReadOnlyMount, RootFileSystem } from '../../templates/root-file-system.ts';
import { SANDBOX_HOSTNAME, SANDBOX_USER } from '../../templates/host-usr.ts';
import type { ProcessConfig } from './process-config.ts';
import type { SeccompConfig } from './seccomp.ts';

/** Files of the kernel's that tell of the host or could change it; the runtimes' defaults, and some more. */
export const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/cmdline',
  '/proc/config.gz',
  '/proc/interrupts',
  '/proc/kallsyms',
  '/proc/kcore',
  '/proc/keys',
  '/proc/key-users',
  '/proc/kmsg',
  '/proc/latency_stats',
  '/proc/modules',
  '/proc/sched_debug',
  '/proc/schedstat',
  '/proc/scsi',
  '/proc/softirqs',
  '/proc/swaps',
  '/proc/sysrq-trigger',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/vmallocinfo',
];
export const READ_ONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys'];

/** What every container of this data plane has in common. */
interface Shared {
  readonly process: ProcessConfig;
  readonly root: RootFileSystem;
  /** Read-only mounts besides those of the root. */
  readonly mounts: readonly ReadOnlyMount[];
  readonly idRange: IdRange;
  readonly cgroupPath: string;
  readonly seccomp: SeccompConfig;
}

/** `config.json` of a sandbox's bundle, for the OCI runtime specification 1.0. */
export function sandboxConfig(
  sandbox: Shared & {
    /** Host path of a file system of the sandbox's own. */
    readonly workspace: string;
    readonly resources: Resources;
  },
): object {
  const { resources } = sandbox;
  return containerConfig(sandbox, {
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
    readonly mounts: readonly object[];
    readonly resources: object;
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
  },
): object {
  const { idRange } = shared;
  const ids = [{ containerID: 0, hostID: idRange.firstHostId, size: idRange.size }];
  const { mounts, ...linux } = own;
  return {
    ociVersion: '1.0.2',
    process: shared.process,
    root: { path: shared.root.directory, readonly: true },
    hostname: SANDBOX_HOSTNAME,
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      tmpfs('/dev', ['nosuid', 'strictatime', 'mode=755', 'size=65536']),
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
      ...[...shared.root.mounts, ...shared.mounts].map(readOnlyBind),
      ...mounts,
    ],
    linux: {
      namespaces: ['user', 'pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      uidMappings: ids,
      gidMappings: ids,
      cgroupsPath: shared.cgroupPath,
      seccomp: shared.seccomp,
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

function readOnlyBind(mount: ReadOnlyMount): object {
  return {
    destination: mount.destination,
    type: 'bind',
    source: mount.source,
    options: ['bind', 'ro', 'nosuid', 'nodev', 'private'],
  };
}
