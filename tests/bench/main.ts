import { PRINT_CODE } from './baselines/commands.ts';
import { startDocker } from './baselines/docker.ts';
import { startSpawnLoop } from './baselines/spawn-loop.ts';
import { assertPrinted, Client } from './client.ts';
import { describeMachine, loadAverage } from './host/machine.ts';
import { runLoad } from './load.ts';
import { parseOptions, SECTION_NAMES, USAGE } from './options.ts';
import type { Options, SectionName } from './options.ts';
import { renderSection, renderTargets } from './render.ts';
import { runSections } from './run-sections.ts';
import { saveReport } from './save-report.ts';
import { drainedBursts, warmBursts } from './sections/bursts.ts';
import { flood } from './sections/flood.ts';
import { jobs } from './sections/jobs.ts';
import { memory } from './sections/memory.ts';
import { pandas } from './sections/pandas.ts';
import type { Bench, Section } from './sections/section.ts';
import { sessions } from './sections/sessions.ts';
import { startServer } from './server.ts';
import { runSteady } from './steady.ts';
import { formatNumber, formatTable } from './table.ts';
import { evaluateTargets, TARGETS } from './targets.ts';

const SECTIONS: Readonly<Record<SectionName, Section>> = {
  jobs,
  pandas,
  sessions,
  memory,
  flood,
  bursts: warmBursts,
  drained: drainedBursts,
};
const WARM_UP_MS = 20_000;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Ends when `signal` is aborted: pending requests fail at once, and everything started is stopped. */
async function prepare(warmUpJobs: number, signal: AbortSignal) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startServer(signal));
  const client = stack.use(new Client(server.url, server.adminKey));
  const spawnLoop = stack.use(startSpawnLoop(signal));
  const onAbort = (): void => {
    client[Symbol.dispose]();
  };
  signal.addEventListener('abort', onAbort);
  stack.defer(() => {
    signal.removeEventListener('abort', onAbort);
  });
  const job = async (): Promise<void> => {
    assertPrinted(await client.job(PRINT_CODE), '1\n');
  };
  const warmUp = await runLoad({ count: warmUpJobs, maxMs: WARM_UP_MS, concurrency: 2 }, job, signal);
  if (warmUp.latenciesMs.length === 0) throw new Error(`no job works: ${warmUp.failures[0]}`);
  const release = stack.move();
  return { server, client, spawnLoop, [Symbol.asyncDispose]: async () => release.disposeAsync() };
}

async function bench(options: Options, interrupted: AbortSignal): Promise<boolean> {
  const machine = describeMachine(new Date());
  print(`${machine.cores} cores, ${machine.processor}, Linux ${machine.kernel}, load ${machine.load}`);
  const { sizes, quick, only } = options;
  const timeout = AbortSignal.timeout(sizes.maxMs);
  const signal = AbortSignal.any([interrupted, timeout]);
  await using stack = new AsyncDisposableStack();
  const { client, spawnLoop } = stack.use(await prepare(sizes.warmUpJobs, signal));
  const engine = await startDocker(signal).catch((error: unknown) => {
    print(`the Docker engine cannot be used: ${String(error)}`);
    return 'unusable' as const;
  });
  const docker = engine === 'unusable' ? undefined : engine;
  if (docker !== undefined) stack.use(docker);
  const tools: Bench = {
    sizes,
    client,
    spawnLoop,
    docker,
    signal,
    startServer: () => startServer(signal),
  };
  const sections = SECTION_NAMES.filter((name) => only?.includes(name) ?? true).map((name) => SECTIONS[name]);
  const { reports, figures } = await runSections(sections, tools, (report) => {
    print(renderSection(report));
  });
  const targets = evaluateTargets(TARGETS, figures, 'bench');
  print(renderTargets(targets));
  const report = { machine, loadAfter: loadAverage(), quick, sections: reports, figures, targets };
  print(`load ${loadAverage()}; all of it in ${await saveReport('bench', machine.at, report)}`);
  return engine !== 'unusable' && reports.every(({ error }) => error === undefined);
}

async function steady(
  options: NonNullable<Options['steady']>,
  signal: AbortSignal,
  warmUpJobs: number,
): Promise<boolean> {
  const machine = describeMachine(new Date());
  print(
    `${options.jobs} jobs, ${options.concurrency} at a time; ${machine.cores} cores, load ${machine.load}`,
  );
  await using stack = new AsyncDisposableStack();
  const { client, spawnLoop, server } = stack.use(await prepare(warmUpJobs, signal));
  const parts = { client, spawnLoop, serverPid: server.pid, signal };
  const result = await runSteady(options, parts, (done, footprint) => {
    const held = Object.entries<number>({ ...footprint }).map(
      ([name, value]) => `${name} ${formatNumber(value)}`,
    );
    print(`${String(done).padStart(7)} jobs: ${held.join(', ')}`);
  });
  print(renderSection({ title: 'Steadiness', rows: result.rows, tookMs: performance.now() }));
  const growth = result.growth.map(({ name, before, after, allowed, grew }) => [
    ...[name, formatNumber(before), formatNumber(after), formatNumber(allowed), grew ? 'GREW' : 'steady'],
  ]);
  print(
    formatTable(['held', 'second quarter', 'last quarter', 'may grow by', 'verdict'], growth, ['verdict']),
  );
  const targets = evaluateTargets(TARGETS, result.figures, 'steady');
  print(renderTargets(targets));
  const { rows, footprints, figures, jobs: done } = result;
  const report = { machine, loadAfter: loadAverage(), options, done, rows, footprints, figures, targets };
  print(`load ${loadAverage()}; all of it in ${await saveReport('steady', machine.at, report)}`);
  if (done < options.jobs) print(`ended early: ${done} of ${options.jobs} jobs`);
  return true;
}

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => {
    interrupt.abort(new Error(`interrupted by ${name}`));
  });
}
try {
  const options = parseOptions(process.argv.slice(2), process.env);
  const went =
    options.steady === undefined
      ? await bench(options, interrupt.signal)
      : await steady(options.steady, interrupt.signal, options.sizes.warmUpJobs);
  process.exitCode = went && !interrupt.signal.aborted ? 0 : 1;
} catch (error) {
  const { code = '' } = error as NodeJS.ErrnoException;
  const isUsage = code.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(
    `${error instanceof Error ? error.message : String(error)}\n${isUsage ? `${USAGE}\n` : ''}`,
  );
  process.exitCode = isUsage ? 2 : 1;
}
