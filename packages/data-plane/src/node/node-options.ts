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
  /** Reserved for this server and the rest of the machine. */
  reserveMemoryBytes: amount.optional(),
  reserveDiskBytes: amount.optional(),
  reservePids: amount.optional(),
  reserveDescriptors: amount.optional(),
  /** A session of default size is promised 896 MiB, and uses 10 to 60 MiB before it has run much. */
  memoryOvercommit: positive.default(6),
  /** Processors are shared by weight: a high overcommit makes code slow, but breaks nothing. */
  cpuOvercommit: positive.default(100),
  /** A sandbox of default size is promised 128 processes, and uses three. */
  pidsOvercommit: positive.default(4),
  /** Limits of one request. */
  maxCpuMillicores: amount.optional(),
  maxMemoryBytes: amount.optional(),
  maxDiskBytes: amount.optional(),
  maxPids: amount.optional(),
  /** For workspaces too large for memory. They have no names there, and are gone with the process. */
  workspaceDirectory: z
    .string()
    .refine(isAbsolute, 'must be an absolute path')
    .default('/var/lib/caisson/workspaces'),
  /** Workspaces larger than this are kept on disk. */
  diskWorkspaceBeyondBytes: amount.default(256 * MIB),
  /** How long a new session waits for room before it is refused. */
  sessionRoomWaitMs: amount.default(2_000),
  /** Name of this node in the records of the control plane; must survive a restart. */
  nodeId: nodeId.default(() => nodeIdOf(hostname())),
  /** How long after its deadline a step is abandoned if its sandbox does not answer. */
  stepGraceMs: amount.default(60_000),
  /** How long a job waits for room; its own timeout may end the wait earlier. */
  jobRoomWaitMs: amount.default(30_000),
});

/** The name of a host as the id of its node: what an id cannot have becomes a hyphen. */
export function nodeIdOf(host: string): NodeId {
  const name = host.replaceAll(/[^a-zA-Z0-9._-]/g, '-').slice(0, 64);
  return (/^\.{0,2}$/.test(name) ? 'node' : name) as NodeId;
}

/** Names of all settings. */
export const NODE_SETTINGS: readonly string[] = Object.keys(settings.shape);

/**
 * How much of this machine sandboxes may take. Defaults are derived from the machine, see `nodeCapacity`. An overcommit is how
 * many times the capacity may be promised: sandboxes seldom use all of their promise, and the kernel limits their total use to
 * the capacity itself.
 */
export const nodeOptions = settings.prefault({});

export type NodeOptionsInput = z.input<typeof nodeOptions>;
export type NodeOptions = z.output<typeof nodeOptions>;
