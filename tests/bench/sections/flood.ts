import { measureFlood } from '../../adversarial/measure-flood.ts';
import type { FloodFigures } from '../../adversarial/measure-flood.ts';
import { makeServerHome, Server } from '../../support/server.ts';
import { addTenant } from '../../support/tenant.ts';
import { median, summarize } from '../statistics.ts';
import type { Row } from '../row.ts';
import type { Section } from './section.ts';

/** What a tenant experiences while jobs of another flood the server in every way, each time on a new server. */
export const flood: Section = {
  title: 'A flood, and another tenant beside it',
  async run({ sizes, signal }) {
    const rounds: FloodFigures[] = [];
    for (let round = 0; round < sizes.flood.rounds; round++) {
      signal.throwIfAborted();
      rounds.push(await measureOnce(sizes.flood));
    }
    const medianOf = (figure: (round: FloodFigures) => number): number => median(rounds.map(figure));
    const row = (measure: string, unit: Row['unit'], figure: (round: FloodFigures) => number): Row => ({
      measure,
      unit,
      summary: summarize(rounds.map(figure)),
      note: 'of rounds',
    });
    return {
      rows: [
        row('print(1) in quiet, p99', 'ms', ({ quietJobP99Ms }) => quietJobP99Ms),
        row('print(1) beside a flood, p50', 'ms', ({ jobP50Ms }) => jobP50Ms),
        row('print(1) beside a flood, p99', 'ms', ({ jobP99Ms }) => jobP99Ms),
        row('/healthz beside a flood, p99', 'ms', ({ healthP99Ms }) => healthP99Ms),
        row('latest end after a deadline, less the grace', 'ms', ({ latenessMs }) => latenessMs),
        row('growth of the server', 'MiB', ({ growthMib }) => growthMib),
      ],
      figures: {
        flood_job_p99_over_quiet: medianOf(({ jobP99Ms, quietJobP99Ms }) => jobP99Ms / quietJobP99Ms),
        flood_health_p99_ms: medianOf(({ healthP99Ms }) => healthP99Ms),
        flood_lateness_ms: medianOf(({ latenessMs }) => latenessMs),
        flood_growth_mib: medianOf(({ growthMib }) => growthMib),
      },
    };
  },
};

async function measureOnce(lengths: {
  readonly quietMs: number;
  readonly floodingMs: number;
}): Promise<FloodFigures> {
  using home = makeServerHome();
  // The first start creates the operator's key.
  await (await Server.start(home)).stop();
  const key = await addTenant(home.dataDir, 'bystander');
  await using server = await Server.start(home);
  const figures = await measureFlood(server, key, lengths);
  if (figures.failures.length > 0) throw new Error(`the tenant was disturbed: ${figures.failures[0]}`);
  return figures;
}
