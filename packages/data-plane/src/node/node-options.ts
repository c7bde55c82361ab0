import { hostname } from 'node:os';
import { isAbsolute } from 'node:path';
import { nodeId } from '@caisson/protocol/api';
import type { NodeId } from '@caisson/protocol/api';
import { z } from 'zod';

const MIB = 2 ** 20;

const positive = z.number().positive();
const amount = z.int().min(0);

const settings = z.object({
  /** For all sandboxes together. */
  capacityMemoryBytes: amount.optional(),
  capacityDiskBytes: amount.optional(),
  capacityCpuMillicores: amount.optional(),
  capacityPids: amount.optional(),
  /** Kept from the sandboxes, for this server and the rest of the machine. */
  reserveMemoryBytes: amount.optional(),
  reserveDiskBytes: amount.optional(),
  reservePids: amount.optional(),
  reserveDescriptors: amount.optional(),
  /** A session of default size is promised 896 MiB, and uses 10 to 60 before it has run much. */
  memoryOvercommit: positive.default(6),
  /** Processors are shared by weight: promised too often, they make code slow, and break nothing. */
  cpuOvercommit: positive.default(100),
  /** A sandbox of default size is promised 128 processes, and has three. */
  pidsOvercommit: positive.default(4),
  /** The most that one request may ask for. */
  maxCpuMillicores: amount.optional(),
  maxMemoryBytes: amount.optional(),
  maxDiskBytes: amount.optional(),
  maxPids: amount.optional(),
  /** Where workspaces lie that are too large for memory. They have no names there, and are gone with the process. */
  workspaceDirectory: z
    .string()
    .refine(isAbsolute, 'must be an absolute path')
    .default('/var/lib/caisson/workspaces'),
  /** Workspaces beyond this size lie on disk. */
  diskWorkspaceBeyondBytes: amount.default(256 * MIB),
  /** How long a new session waits for others to make room, before it is refused. */
  sessionRoomWaitMs: amount.default(2_000),
  /** Its name in the records of the control plane: the same after a restart. */
  nodeId: nodeId.default(() => hostname() as NodeId),
  /** How long a sandbox may take beyond the deadline of a step before the step is given up. */
  stepGraceMs: amount.default(60_000),
  /** How long a job waits for room, within the time that its caller gives it anyway. */
  jobRoomWaitMs: amount.default(30_000),
});

/** Names of all settings. */
export const NODE_SETTINGS: readonly string[] = Object.keys(settings.shape);

/**
 * How much of this machine sandboxes may take. Whatever is left out is derived from the machine, see `nodeCapacity`.
 * An overcommit is how many times the capacity may be promised: sandboxes seldom use all that they were promised, and what
 * they use together is bounded by the kernel at the capacity itself.
 */
export const nodeOptions = settings.prefault({});

export type NodeOptionsInput = z.input<typeof nodeOptions>;
export type NodeOptions = z.output<typeof nodeOptions>;
