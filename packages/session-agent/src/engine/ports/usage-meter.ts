/** Measures what a sandbox uses while a step runs. */
export interface UsageMeter {
  /** Begins a measurement; `onMemoryExceeded` is called once if the processes come to hold more than they may. */
  begin(onMemoryExceeded: () => void): Measurement;
}

export interface Measurement {
  /** What was used since `begin`. Ends the measurement; can be called twice. */
  end(): Usage;
}

export interface Usage {
  readonly cpuMs: number;
  /** `null` where the host cannot tell. */
  readonly peakMemoryBytes: number | null;
  /** Whether the kernel of the host killed a process of the sandbox for want of memory, or the limit was passed. */
  readonly outOfMemory: boolean;
  /** Whether the sandbox holds so many processes that hardly one more can be started. */
  readonly outOfProcesses: boolean;
}
