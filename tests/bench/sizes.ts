/** Sizes of the measurements. Each part ends after `maxMs`, even with few rounds. */
export interface Sizes {
  readonly warmUpJobs: number;
  readonly jobs: Part & { readonly oneByOne: number; readonly baselines: number; readonly loadMs: number };
  readonly pandas: Part & { readonly each: number };
  readonly sessions: Part & { readonly each: number };
  readonly steps: Part & { readonly each: number };
  readonly bursts: { readonly jobs: number; readonly sessions: number };
  readonly memory: { readonly sessions: number; readonly jobs: number };
  readonly flood: { readonly rounds: number; readonly quietMs: number; readonly floodingMs: number };
  /** Of the whole run. */
  readonly maxMs: number;
}

interface Part {
  readonly rounds: number;
  readonly maxMs: number;
}

export const FULL: Sizes = {
  warmUpJobs: 30,
  jobs: { rounds: 9, maxMs: 150_000, oneByOne: 40, baselines: 40, loadMs: 2000 },
  pandas: { rounds: 7, maxMs: 60_000, each: 4 },
  sessions: { rounds: 7, maxMs: 30_000, each: 4 },
  steps: { rounds: 7, maxMs: 30_000, each: 200 },
  bursts: { jobs: 500, sessions: 100 },
  memory: { sessions: 20, jobs: 8 },
  flood: { rounds: 3, quietMs: 3000, floodingMs: 12_000 },
  maxMs: 580_000,
};

export const QUICK: Sizes = {
  warmUpJobs: 5,
  jobs: { rounds: 2, maxMs: 15_000, oneByOne: 10, baselines: 15, loadMs: 600 },
  pandas: { rounds: 2, maxMs: 8000, each: 1 },
  sessions: { rounds: 2, maxMs: 5000, each: 2 },
  steps: { rounds: 2, maxMs: 5000, each: 50 },
  bursts: { jobs: 60, sessions: 15 },
  memory: { sessions: 4, jobs: 3 },
  flood: { rounds: 1, quietMs: 1000, floodingMs: 4000 },
  maxMs: 85_000,
};
