import type { Resources } from '@caisson/protocol/ports';
import { SHM_BYTES, TMP_BYTES } from '../../limits/memory-file-systems.ts';
import { usableBytes } from '../../workspaces/disk/image-size.ts';
import type { Amounts } from './amounts.ts';
import type { HostFigures } from './host-figures.ts';
import type { NodeOptions } from '../node-options.ts';

const MIB = 2 ** 20;
/** Bounds of the API, beyond which a maximum means nothing. */
const MOST = { memoryBytes: 256 * 1024 * MIB, diskBytes: 64 * 1024 * MIB, pids: 4096 };
/** Of the memory for sandboxes, as much may be the workspace of one. */
const SHARE_OF_WORKSPACE = 1 / 4;
/** Of the processes for sandboxes, as many may be one's. */
const SHARE_OF_PIDS = 1 / 4;

export interface Capacity {
  /** What all sandboxes together may use: the kernel lets them have no more. */
  readonly total: Amounts;
  /** What may be promised to all together: the total, times its overcommit. */
  readonly promisable: Amounts;
  /** The most that one request may ask for: what one sandbox can have if there is no other. */
  readonly maximum: Resources;
  /** Workspaces beyond this size lie on disk. */
  readonly diskWorkspaceBeyondBytes: number;
  /** Below as much available memory of the machine, in bytes, nothing new is begun. */
  readonly reserveMemoryBytes: number;
  readonly reserveDiskBytes: number;
}

/** How much a machine can hold. */
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
  const beyond = Math.min(
    options.diskWorkspaceBeyondBytes,
    Math.floor(total.memoryBytes * SHARE_OF_WORKSPACE),
  );
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
  // So that it fits with the largest workspace in memory that can be asked for beside it.
  const memoryBytes = total.memoryBytes - diskWorkspaceBeyondBytes - TMP_BYTES - SHM_BYTES;
  const onDisk = wholeMebibytes(usableBytes(total.diskBytes));
  return {
    cpuMillicores: Math.min(options.maxCpuMillicores ?? Infinity, total.cpuMillicores),
    memoryBytes: Math.min(
      options.maxMemoryBytes ?? MOST.memoryBytes,
      wholeMebibytes(Math.max(0, memoryBytes)),
    ),
    diskBytes: Math.min(options.maxDiskBytes ?? MOST.diskBytes, Math.max(diskWorkspaceBeyondBytes, onDisk)),
    pids: Math.min(options.maxPids ?? MOST.pids, Math.floor(total.pids * SHARE_OF_PIDS)),
  };
}

/** A tenth, but not less than `least`, of which a small machine gives half of what it has. */
function defaultReserve(total: number, least: number): number {
  return Math.floor(Math.min(total / 2, Math.max(least, total / 10)));
}

function wholeMebibytes(bytes: number): number {
  return Math.floor(bytes / MIB) * MIB;
}
