import { bare, PRINT_CODE } from '../baselines/commands.ts';
import { assertPrinted } from '../client.ts';
import type { Client } from '../client.ts';
import { withEventLoopDelay } from '../event-loop.ts';
import { runLoad } from '../load.ts';
import { interleave } from '../rounds.ts';
import { rowOfSeries } from '../row.ts';
import { median } from '../statistics.ts';
import type { Section } from './section.ts';

const BARE_STARTS = 20;
const BARE_MS = 2000;

/** A session from its creation to its first output, and a step in an existing session. */
export const sessions: Section = {
  title: 'Sessions',
  async run({ client, signal, spawnLoop, sizes }) {
    const starting = () =>
      spawnLoop.run(bare(PRINT_CODE), { count: BARE_STARTS, maxMs: BARE_MS, concurrency: 1 });
    const firstOutputs = await interleave(
      sizes.sessions,
      { bare: starting, session: () => firstOutput(client, sizes.sessions.each, signal) },
      signal,
    );
    const live = await client.createSession();
    await using undo = new AsyncDisposableStack();
    undo.defer(() => client.deleteSession(live.session_id));
    const step = async (): Promise<void> => {
      assertPrinted(await client.step(live.session_id, PRINT_CODE), '1\n');
    };
    // The first step starts the kernel.
    await step();
    const load = { count: sizes.steps.each, maxMs: sizes.steps.maxMs, concurrency: 1 };
    const steps = await interleave(
      sizes.steps,
      { bare: starting, step: () => withEventLoopDelay(client, () => runLoad(load, step, signal)) },
      signal,
    );
    return {
      rows: [
        rowOfSeries('bare', [...firstOutputs.bare, ...steps.bare]),
        rowOfSeries('create → first output', firstOutputs.session, {
          baseline: { name: 'bare', series: firstOutputs.bare },
        }),
        rowOfSeries('step', steps.step, { baseline: { name: 'bare', series: steps.bare } }),
      ],
      figures: { step_p50_ms: median(steps.step.flatMap((sample) => sample.latenciesMs)) },
    };
  },
};

async function firstOutput(client: Client, count: number, signal: AbortSignal) {
  const created: string[] = [];
  await using undo = new AsyncDisposableStack();
  undo.defer(async () => {
    await Promise.all(created.map((id) => client.deleteSession(id)));
  });
  const createAndStep = async (): Promise<void> => {
    const { session_id: id } = await client.createSession();
    created.push(id);
    assertPrinted(await client.step(id, PRINT_CODE), '1\n');
  };
  return await runLoad({ count, maxMs: 10_000, concurrency: 1 }, createAndStep, signal);
}
