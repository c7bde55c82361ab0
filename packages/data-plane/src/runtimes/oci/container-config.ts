import type { Resources } from '@caisson/protocol';
import type { IdRange } from '../../limits/id-ranges.ts';
import { cgroupMemoryBytes, SHM_BYTES, TMP_BYTES, tmpfsLimits } from '../../limits/memory-file-systems.ts';
import type { ReadOnlyMount, RootFileSystem } from '../../templates/root-file-system.ts';
import { SANDBOX_HOSTNAME, SANDBOX_USER } from '../../templates/host-usr.ts';
import type { ProcessConfig } from './process-config.ts';
import type { SeccompConfig } from './seccomp.ts';

/** The kernel's default period of CPU bandwidth control, in microseconds. */
const CPU_PERIOD_US = 100_000;

/** Files of the kernel's that tell of the host or could change it; the runtimes' defaults, and some more. */
const MASKED_PATHS = [
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
const READ_ONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys'];

/** `config.json` of a sandbox's bundle, for the OCI runtime specification 1.0. */
export function containerConfig(sandbox: {
  readonly process: ProcessConfig;
  readonly root: RootFileSystem;
  /** Read-only mounts besides those of the root. */
  readonly mounts: readonly ReadOnlyMount[];
  /** Host path of a file system of the sandbox's own. */
  readonly workspace: string;
  readonly idRange: IdRange;
  readonly cgroupPath: string;
  readonly resources: Resources;
  readonly seccomp: SeccompConfig;
}): object {
  const { resources, idRange } = sandbox;
  const ids = [{ containerID: 0, hostID: idRange.firstHostId, size: idRange.size }];
  const memoryBytes = cgroupMemoryBytes(resources);
  return {
    ociVersion: '1.0.2',
    process: sandbox.process,
    root: { path: sandbox.root.directory, readonly: true },
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
      tmpfs('/dev/shm', ['nosuid', 'noexec', 'nodev', 'mode=1777', ...tmpfsLimits(SHM_BYTES)]),
      tmpfs('/tmp', ['nosuid', 'nodev', 'mode=1777', ...tmpfsLimits(TMP_BYTES)]),
      ...[...sandbox.root.mounts, ...sandbox.mounts].map(readOnlyBind),
      {
        destination: '/workspace',
        type: 'bind',
        source: sandbox.workspace,
        options: ['bind', 'rw', 'nosuid', 'nodev', 'private'],
      },
    ],
    linux: {
      namespaces: ['user', 'pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      uidMappings: ids,
      gidMappings: ids,
      cgroupsPath: sandbox.cgroupPath,
      resources: {
        // Equal, so that none of it is swap.
        memory: { limit: memoryBytes, swap: memoryBytes },
        cpu: {
          period: CPU_PERIOD_US,
          quota: Math.max(1000, (resources.cpuMillicores * CPU_PERIOD_US) / 1000),
        },
        // The first process counts too.
        pids: { limit: resources.pids + 1 },
      },
      seccomp: sandbox.seccomp,
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READ_ONLY_PATHS,
    },
  };
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
