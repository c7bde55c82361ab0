export { createControlPlane, type ControlPlane, type ControlPlaneOptions } from './control-plane.ts';
export { ADMIN_KEY_FILE } from './auth/first-start.ts';
export type { Clock } from './time/clock.ts';
export {
  CONTROL_PLANE_SETTINGS,
  controlPlaneConfig,
  type ControlPlaneConfig,
  type ControlPlaneConfigInput,
} from './config.ts';
