export { SessionEngine, type SessionEngineOptions } from './engine/session-engine.ts';
export { monotonicClock } from './engine/ports/clock.ts';
export { LoopShare } from './engine/reading/loop-share.ts';
export { byteChannel, byteSource, type ByteChannel, type ByteSource } from './engine/reading/byte-source.ts';
export type { ProcessExit, SpawnedProcess, Spawner, SpawnRequest } from './engine/ports/spawner.ts';
export type { Measurement, Usage, UsageMeter } from './engine/ports/usage-meter.ts';
export { SANDBOX_FILES, type SandboxFile } from './kernels/sandbox-files.ts';
export { SANDBOX_LAYOUT, type KernelLayout } from './kernels/kernels.ts';
export { createWorkspaceFiles } from './files/workspace-files.ts';
