import type { Process, ProcessRequest } from '@caisson/protocol/ports';
import type { ByteChannel } from '../reading/byte-streams.ts';

/** Starts the kernels of one sandbox: `crun exec` where the host reaches into it, `child_process` where it runs inside. */
export interface KernelSpawner {
  /**
   * Starts a kernel as the sandbox's user with its limits; nothing of the host's environment is passed on. Rejects if it
   * cannot be started or `signal` is aborted first; then nothing is left of it.
   */
  spawnKernel(request: KernelRequest, signal: AbortSignal): Promise<SpawnedKernel>;
}

export type KernelRequest = Pick<ProcessRequest, 'argv' | 'env' | 'cwd'>;

/** The process of a kernel. Its standard input is empty. */
export interface SpawnedKernel extends Pick<Process, 'stdout' | 'stderr' | 'exited' | 'kill'> {
  /** The kernel reads from descriptor 3 what is written here; what it writes to 4 comes here. */
  readonly control: ByteChannel;
  /** Sends SIGINT to the kernel alone; does nothing once it has ended. */
  interrupt(): Promise<void>;
}

/** A kernel whose process has `control` as its descriptors 3 and 4. */
export function kernelOf(process: Process, control: ByteChannel): SpawnedKernel {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    exited: process.exited,
    control,
    interrupt: async () => process.signal('SIGINT'),
    kill: async () => process.kill(),
  };
}
