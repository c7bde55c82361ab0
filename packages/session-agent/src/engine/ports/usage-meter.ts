/** Measures the resources that a sandbox uses during a step. */
export interface UsageMeter {
  /** Begins a measurement; calls `onMemoryExceeded` once if the processes exceed their memory limit. */
  begin(onMemoryExceeded: () => void): Measurement;
}

export interface Measurement {
  /** Ends the measurement and returns the usage since `begin`. Can be called twice. */
  end(): Usage;
}

export interface Usage {
  readonly cpuMs: number;
  /** `null` where the host cannot tell. */
  readonly peakMemoryBytes: number | null;
  /** Whether the host's kernel killed a process of the sandbox for lack of memory, or the limit was exceeded. */
  readonly outOfMemory: boolean;
  /** Whether the sandbox is so close to its process limit that hardly one more can be started. */
  readonly outOfProcesses: boolean;
}
