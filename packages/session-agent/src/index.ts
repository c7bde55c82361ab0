export { SessionEngine, type SessionEngineOptions } from './engine/session-engine.ts';
export { monotonicClock } from './engine/ports/clock.ts';
export { LoopShare } from './engine/reading/loop-share.ts';
export {
  byteChannel,
  byteSink,
  byteSource,
  channelWriter,
  type ByteChannel,
  type ChannelWriter,
} from './engine/reading/byte-streams.ts';
export {
  kernelOf,
  type KernelRequest,
  type KernelSpawner,
  type SpawnedKernel,
} from './engine/ports/kernel-spawner.ts';
export type { Measurement, Usage, UsageMeter } from './engine/ports/usage-meter.ts';
export { SANDBOX_FILES, type SandboxFile } from './kernels/sandbox-files.ts';
export { SANDBOX_LAYOUT, type KernelLayout } from './kernels/kernels.ts';
export { createWorkspaceFiles } from './files/workspace-files.ts';
export type { CgroupCounters } from './usage/cgroup-counters.ts';
export { isCgroupGone, isValueRefused, type LocateCgroupFile } from './usage/cgroup-files.ts';
export { CgroupUsageMeter } from './usage/cgroup-usage-meter.ts';
export { CgroupCountersV1 } from './usage/v1/counters.ts';
export { CgroupCountersV2 } from './usage/v2/counters.ts';
