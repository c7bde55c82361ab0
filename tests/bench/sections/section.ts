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
  /** Of a server that has run jobs already. */
  readonly client: Client;
  readonly spawnLoop: SpawnLoop;
  /** `undefined` where no engine is there. */
  readonly docker: Docker | undefined;
  /** Another server, which has run nothing yet; whoever asks for it disposes of it. */
  startServer(): Promise<Server>;
  readonly signal: AbortSignal;
}

export interface SectionResult {
  readonly rows: readonly Row[];
  readonly figures: Figures;
}

/** One part of the benchmark, which stands for itself: that it fails does not keep the others from running. */
export interface Section {
  readonly title: string;
  /** @throws where it could not be measured at all */
  readonly run: (bench: Bench) => Promise<SectionResult>;
}
