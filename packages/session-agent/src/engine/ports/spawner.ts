import type { ByteChannel, ByteSource } from '../reading/byte-source.ts';

/** Starts processes in one sandbox: `crun exec` where the host reaches into it, `child_process` where it runs inside. */
export interface Spawner {
  /**
   * Starts `argv` as the sandbox's user with its limits; nothing of the host's environment is passed on.
   * Rejects if the process cannot be started or `signal` is aborted first; then nothing is left of it.
   */
  spawn(request: SpawnRequest, signal: AbortSignal): Promise<SpawnedProcess>;
}

export interface SpawnRequest {
  /** The first is an absolute path in the sandbox. */
  readonly argv: readonly [string, ...string[]];
  /** Added to the sandbox's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface SpawnedProcess {
  /** Real pipes, so that `/dev/stdout` can be opened by name. Not read unless the reader asks: back-pressure. */
  readonly stdout: ByteSource;
  readonly stderr: ByteSource;
  /** Descriptor 3 of the process reads what is written here, and what it writes to 4 comes here. Standard input is empty. */
  readonly control: ByteChannel;
  /** Settles, and never rejects, when the process has ended. */
  readonly exited: Promise<ProcessExit>;
  /** Sends SIGINT to the process alone; does nothing once it has ended. */
  interrupt(): Promise<void>;
  /** Kills the process and all that it started, even what left its session; resolves when they are gone. */
  kill(): Promise<void>;
}

export interface ProcessExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}
