import { CaissonClient } from '@caisson/sdk';
import type { Context } from '../context.ts';
import { startEmbeddedServer } from '../embedded-server.ts';
import { exitCodeOfSignal } from '../exit-code.ts';
import { followExecution } from '../follow-execution.ts';
import { watchForInterrupts } from '../interrupts.ts';
import { findTarget, type Target } from '../target.ts';
import { readStep, type StepOptions } from './step-request.ts';

/** Runs a file as a job, on the server at CAISSON_URL or else on an embedded one. Returns the exit code. */
export async function run(
  context: Context,
  file: string,
  options: StepOptions & { keyFile?: string },
): Promise<number> {
  const step = await readStep(file, options, context);
  using interrupts = watchForInterrupts(context);
  await using server = await openServer(context, options.keyFile);
  if (interrupts.received !== undefined) return exitCodeOfSignal(interrupts.received);
  const { jobs } = new CaissonClient(server);
  const execution = {
    start: async (signal: AbortSignal) => jobs.stream(step, { signal }),
    cancel: async (id: string) => jobs.cancel(id),
  };
  return await followExecution(context, execution, interrupts.signal, options);
}

async function openServer(
  { planes, settings }: Context,
  keyFile: string | undefined,
): Promise<Target & AsyncDisposable> {
  if (settings.url === undefined) return startEmbeddedServer(planes);
  const target = await findTarget(settings, keyFile);
  return { ...target, [Symbol.asyncDispose]: async () => Promise.resolve() };
}
