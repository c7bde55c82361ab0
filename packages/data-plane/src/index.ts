export { createDataPlane, probeRuntimes, RuntimeUnavailableError } from './create-data-plane.ts';
export type { RuntimeChoice } from './runtimes/select-runtime.ts';
