import type { SandboxId } from '@caisson/protocol/api';
import type { SandboxRequest } from '@caisson/protocol/ports';
import type { Reservation } from '../../node/capacity/reservations.ts';
import type { Sandbox } from '../../runtimes/runtime.ts';

/** Gives a ready sandbox the environment of `request`, and the CPU weight of one that is used. */
export async function adopt(
  sandbox: Sandbox,
  request: Pick<SandboxRequest, 'env'>,
  signal: AbortSignal,
): Promise<void> {
  await sandbox.setCpuWeight?.('normal', signal);
  await sandbox.agent.steps.adoptEnvironment(request.env, signal);
}

/** The sandbox under another id. @param held disposed when its end begins */
export function lend(sandbox: Sandbox, id: SandboxId, held: Disposable): Sandbox {
  return wrap(sandbox, id, async () => {
    held[Symbol.dispose]();
    await sandbox[Symbol.asyncDispose]();
  });
}

/** The sandbox with the room that it takes. @param room disposed when nothing is left of the sandbox */
export function occupy(sandbox: Sandbox, room: Reservation): Sandbox {
  return wrap(sandbox, sandbox.id, async () => {
    await sandbox[Symbol.asyncDispose]();
    room[Symbol.dispose]();
  });
}

function wrap(sandbox: Sandbox, id: SandboxId, end: () => Promise<void>): Sandbox {
  return {
    id,
    agent: sandbox.agent,
    ended: sandbox.ended,
    memory: sandbox.memory,
    usage: async (signal) => sandbox.usage(signal),
    setCpuWeight: sandbox.setCpuWeight,
    pause: sandbox.pause,
    resume: sandbox.resume,
    [Symbol.asyncDispose]: end,
  };
}
