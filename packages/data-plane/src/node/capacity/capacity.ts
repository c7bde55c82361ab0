import type { Resources } from '@caisson/protocol/ports';
import { SHM_BYTES, TMP_BYTES } from '../../limits/memory-file-systems.ts';
import { usableBytes } from '../../workspaces/disk/image-size.ts';
import type { Amounts } from './amounts.ts';
import type { HostFigures } from './host-figures.ts';
import type { NodeOptions } from '../node-options.ts';

const MIB = 2 ** 20;
/** Upper bounds of the API: a higher maximum would have no effect. */
const API_MAXIMUM = { memoryBytes: 256 * 1024 * MIB, diskBytes: 64 * 1024 * MIB, pids: 4096 };
/** Share of the memory for sandboxes that one workspace may take. */
const WORKSPACE_SHARE = 1 / 4;
/** Share of the processes for sandboxes that one sandbox may have. */
const PIDS_SHARE = 1 / 4;

export interface Capacity {
  /** Limit for all sandboxes together, enforced by the kernel. */
  readonly total: Amounts;
  /** Limit for the sum of all promises: the total times its overcommit. */
  readonly promisable: Amounts;
  /** The largest request: what one sandbox gets on an otherwise empty machine. */
  readonly maximum: Resources;
  /** Workspaces larger than this are kept on disk. */
  readonly diskWorkspaceBeyondBytes: number;
  /** Nothing new starts while the machine has less available memory than this, in bytes. */
  readonly reserveMemoryBytes: number;
  readonly reserveDiskBytes: number;
}

/** Capacity of a machine, from its resources and the settings. */
export function nodeCapacity(host: HostFigures, options: NodeOptions): Capacity {
  const reserveMemoryBytes = options.reserveMemoryBytes ?? defaultReserve(host.memoryBytes, 512 * MIB);
  const reservePids = options.reservePids ?? defaultReserve(host.pids, 1024);
  const reserveDescriptors = options.reserveDescriptors ?? Math.floor(host.descriptors / 4);
  const reserveDiskBytes = options.reserveDiskBytes ?? defaultReserve(host.disk?.totalBytes ?? 0, 1024 * MIB);
  const diskBytes = Math.max(0, (host.disk?.availableBytes ?? 0) - reserveDiskBytes);
  const total: Amounts = {
    memoryBytes: options.capacityMemoryBytes ?? Math.max(0, host.memoryBytes - reserveMemoryBytes),
    diskBytes: host.disk === undefined ? 0 : Math.min(options.capacityDiskBytes ?? diskBytes, diskBytes),
    cpuMillicores: options.capacityCpuMillicores ?? host.cores * 1000,
    pids: options.capacityPids ?? Math.max(0, host.pids - reservePids),
    descriptors: Math.max(0, host.descriptors - reserveDescriptors),
  };
  const beyond = Math.min(options.diskWorkspaceBeyondBytes, Math.floor(total.memoryBytes * WORKSPACE_SHARE));
  return {
    total,
    promisable: {
      ...total,
      memoryBytes: Math.floor(total.memoryBytes * options.memoryOvercommit),
      cpuMillicores: Math.floor(total.cpuMillicores * options.cpuOvercommit),
      pids: Math.floor(total.pids * options.pidsOvercommit),
    },
    maximum: maximumOf(total, beyond, options),
    diskWorkspaceBeyondBytes: beyond,
    reserveMemoryBytes,
    reserveDiskBytes,
  };
}

function maximumOf(total: Amounts, diskWorkspaceBeyondBytes: number, options: NodeOptions): Resources {
  // Leaves room for the largest workspace in memory.
  const memoryBytes = total.memoryBytes - diskWorkspaceBeyondBytes - TMP_BYTES - SHM_BYTES;
  const onDisk = wholeMebibytes(usableBytes(total.diskBytes));
  return {
    cpuMillicores: Math.min(options.maxCpuMillicores ?? Infinity, total.cpuMillicores),
    memoryBytes: Math.min(
      options.maxMemoryBytes ?? API_MAXIMUM.memoryBytes,
      wholeMebibytes(Math.max(0, memoryBytes)),
    ),
    diskBytes: Math.min(
      options.maxDiskBytes ?? API_MAXIMUM.diskBytes,
      Math.max(diskWorkspaceBeyondBytes, onDisk),
    ),
    pids: Math.min(options.maxPids ?? API_MAXIMUM.pids, Math.floor(total.pids * PIDS_SHARE)),
  };
}

/** A tenth of `total`, at least `least`, but never more than half of `total`. */
function defaultReserve(total: number, least: number): number {
  return Math.floor(Math.min(total / 2, Math.max(least, total / 10)));
}

function wholeMebibytes(bytes: number): number {
  return Math.floor(bytes / MIB) * MIB;
}
