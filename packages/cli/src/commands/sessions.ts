import { sessionId, type SessionStatus } from '@caisson/protocol/api';
import { CaissonClient } from '@caisson/sdk';
import type { Context } from '../context.ts';
import { CliFailure } from '../failure.ts';
import { followExecution } from '../follow-execution.ts';
import { watchForInterrupts } from '../interrupts.ts';
import { writeText } from '../output.ts';
import { renderFailure } from '../render/failure.ts';
import { renderSessions } from '../render/sessions.ts';
import { findTarget } from '../target.ts';
import { readStep, type StepOptions } from './step-request.ts';

export interface ServerOptions {
  readonly keyFile?: string;
}

export interface CreateOptions extends ServerOptions {
  readonly template: string;
  readonly timeout?: number;
  readonly idleTimeout?: number;
  readonly cpu?: string;
  readonly memory?: string;
  readonly disk?: string;
  readonly env?: Record<string, string>;
  readonly json: boolean;
}

async function clientFor({ settings }: Context, { keyFile }: ServerOptions): Promise<CaissonClient> {
  return new CaissonClient(await findTarget(settings, keyFile));
}

export async function listSessions(
  context: Context,
  options: ServerOptions & { limit: number; status?: SessionStatus; json: boolean },
): Promise<number> {
  const { limit, status, json } = options;
  const client = await clientFor(context, options);
  const { items: sessions } = await client.sessions.list({ limit, status });
  await writeText(context.stdout, json ? `${JSON.stringify(sessions, null, 2)}\n` : renderSessions(sessions));
  return 0;
}

/** Creates a session and prints its id. */
export async function createSession(context: Context, options: CreateOptions): Promise<number> {
  const { template, timeout, idleTimeout, cpu, memory, disk, env, json } = options;
  const client = await clientFor(context, options);
  const session = await client.sessions.create({
    template_id: template,
    timeout,
    idle_timeout: idleTimeout,
    env_vars: env,
    resources: { cpu, memory, disk },
  });
  await writeText(context.stdout, json ? `${JSON.stringify(session, null, 2)}\n` : `${session.session_id}\n`);
  return 0;
}

/** Runs a file as a step of a session. Returns the exit code of the code. */
export async function executeInSession(
  context: Context,
  id: string,
  file: string,
  options: ServerOptions & StepOptions,
): Promise<number> {
  const step = await readStep(file, options, context);
  const client = await clientFor(context, options);
  using interrupts = watchForInterrupts(context);
  const session = sessionIdOf(id);
  const execution = {
    start: async (signal: AbortSignal) => client.sessions.stream(session, step, { signal }),
    cancel: async (executionId: string) => client.executions.cancel(executionId),
  };
  return await followExecution(context, execution, interrupts.signal, options);
}

/** Terminates every session that it can; returns 1 if one failed. */
export async function removeSessions(
  context: Context,
  ids: readonly string[],
  options: ServerOptions,
): Promise<number> {
  const client = await clientFor(context, options);
  let exitCode = 0;
  for (const id of ids) {
    try {
      await client.sessions.terminate(sessionIdOf(id));
      await writeText(context.stdout, `${id}\n`);
    } catch (error) {
      exitCode = 1;
      await writeText(context.stderr, renderFailure(error));
    }
  }
  return exitCode;
}

function sessionIdOf(text: string): string {
  if (sessionId.safeParse(text).success) return text;
  throw new CliFailure(`"${text}" is not a session ID`, {
    suggestions: ['List sessions with "caisson sessions ls".'],
  });
}
