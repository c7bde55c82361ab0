export { createDataPlane, probeRuntimes, RuntimeUnavailableError } from './create-data-plane.ts';
export { NODE_SETTINGS, nodeOptions, type NodeOptionsInput } from './node/node-options.ts';
export { readHostLoad, type HostLoad } from './pool/demand/host-load.ts';
export type { RuntimeChoice } from './runtimes/runtime-family.ts';
export { LocalDataPlane, type LocalDataPlaneParts } from './node/local-data-plane.ts';
export type { JobOutcome, LentSandbox, SandboxPlane } from './sandboxes/sandbox-plane.ts';
