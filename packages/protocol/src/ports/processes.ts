/** Starts processes in one sandbox. */
export interface Processes {
  /**
   * Starts `argv` as the sandbox's user with the sandbox's limits; nothing of the host's environment is passed on. If it
   * rejects, nothing is left of the process. The caller disposes of what it returns; whatever it does, the process ends
   * with the sandbox.
   * @throws CaissonError `validation_failed` if the program cannot be started in `cwd`, or for a `terminal` where there is
   * none; `sandbox_lost`
   */
  start(request: ProcessRequest, signal: AbortSignal): Promise<Process>;
}

export interface ProcessRequest {
  /** The first is an absolute path in the sandbox. */
  readonly argv: readonly [string, ...string[]];
  /** Added to the sandbox's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Whether it can be written to; if not, the process finds its standard input empty. */
  readonly stdin: boolean;
  /** The size of its terminal; `null` for a process that has pipes. */
  readonly terminal: TerminalSize | null;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A process in a sandbox. Disposing of it kills it and gives back its descriptors; it can be done twice. */
export interface Process extends AsyncDisposable {
  /** `null` unless asked for. */
  readonly stdin: ByteSink | null;
  /** A real pipe, so that `/dev/stdout` can be opened by name. Not read unless the reader asks: back-pressure. */
  readonly stdout: ByteSource;
  /** The same; silent for a process with a terminal. */
  readonly stderr: ByteSource;
  /** Settles when the process has ended; never rejects. There may still be output to read. */
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal to the process alone; does nothing once it has ended. */
  signal(name: NodeJS.Signals): Promise<void>;
  /** @throws CaissonError `validation_failed` for a process without a terminal */
  resize(size: TerminalSize): Promise<void>;
  /** Kills the process and everything it started, even what left its session; resolves when they are gone. */
  kill(): Promise<void>;
}

export interface ProcessExit {
  /** `null` if a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Bytes as they come from a process, for one reader. */
export interface ByteSource {
  /**
   * Calls `take` with each piece. The buffer is reused once `take` returns: copy what is kept. Calls `end` when no more
   * will come, for any reason, perhaps more than once. What came before anybody read is not lost.
   */
  read(take: (bytes: Buffer) => void, end: () => void): void;
  /** Gives nothing until `resume`, so that the writer has to wait. */
  pause(): void;
  resume(): void;
  /** Gives back the descriptor and drops what is still to come. Can be called twice. */
  close(): void;
}

/** The standard input of a process. */
export interface ByteSink {
  /**
   * While the result is pending, the process is behind: write no more. What is written once the process has closed its
   * input or ended is dropped.
   */
  write(bytes: Uint8Array | string): Promise<void> | undefined;
  /** The process reads the end after all that was written. Can be called twice. */
  end(): void;
}
