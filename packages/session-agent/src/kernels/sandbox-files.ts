import { fileURLToPath } from 'node:url';
import { SANDBOX_LAYOUT, type KernelLayout } from './kernels.ts';

/** A file or directory of the host that a sandbox sees, read-only. */
export interface SandboxFile {
  readonly hostPath: string;
  readonly sandboxPath: string;
}

/** The paths on this host. */
export function hostLayout(): KernelLayout {
  return {
    nodePath: process.execPath,
    kernelsDirectory: import.meta.dirname,
    acornPath: fileURLToPath(import.meta.resolve('acorn')).replace(/\.mjs$/, '.js'),
  };
}

const HOST = hostLayout();

/** What a runtime mounts so that kernels can start in its sandboxes. */
export const SANDBOX_FILES: readonly SandboxFile[] = [
  { hostPath: HOST.kernelsDirectory, sandboxPath: SANDBOX_LAYOUT.kernelsDirectory },
  { hostPath: HOST.nodePath, sandboxPath: SANDBOX_LAYOUT.nodePath },
  { hostPath: HOST.acornPath, sandboxPath: SANDBOX_LAYOUT.acornPath },
];
