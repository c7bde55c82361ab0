/** Starts processes in one sandbox. */
export interface Processes {
  /**
   * Starts `argv` as the sandbox's user with the sandbox's limits; the host's environment is not passed on. If it rejects,
   * nothing is left of the process. The caller disposes the process, which ends with the sandbox in any case.
   * @throws CaissonError `validation_failed` if the program cannot be started in `cwd`, or if `terminal` is not supported;
   * `sandbox_lost`
   */
  start(request: ProcessRequest, signal: AbortSignal): Promise<Process>;
}

export interface ProcessRequest {
  /** The first is an absolute path in the sandbox. */
  readonly argv: readonly [string, ...string[]];
  /** Added to the sandbox's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Whether standard input can be written to; otherwise it is empty. */
  readonly stdin: boolean;
  /** Size of its terminal; `null` for a process with pipes. */
  readonly terminal: TerminalSize | null;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A process in a sandbox. Disposing kills it and closes its descriptors; disposing twice is harmless. */
export interface Process extends AsyncDisposable {
  /** `null` unless requested. */
  readonly stdin: ByteSink | null;
  /** A real pipe, so that `/dev/stdout` can be opened by name. Read only on demand: back-pressure. */
  readonly stdout: ByteSource;
  /** Like `stdout`; empty for a process with a terminal. */
  readonly stderr: ByteSource;
  /** Resolves when the process has ended; never rejects. There may still be output to read. */
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal to this process only; does nothing once it has ended. */
  signal(name: NodeJS.Signals): Promise<void>;
  /** @throws CaissonError `validation_failed` for a process without a terminal */
  resize(size: TerminalSize): Promise<void>;
  /** Kills the process and all its descendants, even those that left its session; resolves when they are gone. */
  kill(): Promise<void>;
}

export interface ProcessExit {
  /** `null` if a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Bytes from a process, for one reader. */
export interface ByteSource {
  /**
   * Calls `take` with each piece. The buffer is reused once `take` returns: copy what you keep. Calls `end` after the last piece,
   * for any reason, possibly more than once. Bytes written before the call are not lost.
   */
  read(take: (bytes: Buffer) => void, end: () => void): void;
  /** Stops reading until `resume`, so that the writer has to wait. */
  pause(): void;
  resume(): void;
  /** Closes the descriptor and drops the rest. Calling it twice is harmless. */
  close(): void;
}

/** The standard input of a process. */
export interface ByteSink {
  /**
   * While the returned promise is pending, the process is behind: do not write. Bytes written after the process has closed its
   * input or ended are dropped.
   */
  write(bytes: Uint8Array | string): Promise<void> | undefined;
  /** Closes the input after all bytes are written. Calling it twice is harmless. */
  end(): void;
}
