export { SessionEngine, type SessionEngineOptions } from './engine/session-engine.ts';
export { monotonicClock } from './engine/clock.ts';
export { LoopShare } from './engine/loop-share.ts';
export { byteChannel, byteSource, type ByteChannel, type ByteSource } from './engine/byte-source.ts';
export type { ProcessExit, SpawnedProcess, Spawner, SpawnRequest } from './engine/spawner.ts';
export type { Measurement, Usage, UsageMeter } from './engine/usage-meter.ts';
export { SANDBOX_FILES, type SandboxFile } from './kernels/sandbox-files.ts';
export { SANDBOX_LAYOUT, type KernelLayout } from './kernels/kernels.ts';
export { createWorkspaceFiles } from './files/workspace-files.ts';
