import type { Docker } from '../baselines/docker.ts';
import type { SpawnLoop } from '../baselines/spawn-loop.ts';
import type { Client } from '../client.ts';
import type { Figures } from '../figures.ts';
import type { Row } from '../row.ts';
import type { Server } from '../server.ts';
import type { Sizes } from '../sizes.ts';

/** What a section measures with. */
export interface Bench {
  readonly sizes: Sizes;
  /** Client of a server that has already run jobs. */
  readonly client: Client;
  readonly spawnLoop: SpawnLoop;
  /** `undefined` without a Docker engine. */
  readonly docker: Docker | undefined;
  /** Starts another server, which has run nothing yet. The caller disposes it. */
  startServer(): Promise<Server>;
  readonly signal: AbortSignal;
}

export interface SectionResult {
  readonly rows: readonly Row[];
  readonly figures: Figures;
}

/** One independent part of the benchmark: the others run even if it fails. */
export interface Section {
  readonly title: string;
  /** @throws if it cannot be measured at all */
  readonly run: (bench: Bench) => Promise<SectionResult>;
}
