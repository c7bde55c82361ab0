export { createDataPlane, probeRuntimes, RuntimeUnavailableError } from './create-data-plane.ts';
export { NODE_SETTINGS, nodeOptions, type NodeOptionsInput } from './node/node-options.ts';
export { readHostLoad, type HostLoad } from './pool/demand/host-load.ts';
export type { RuntimeChoice } from './runtimes/runtime-family.ts';
