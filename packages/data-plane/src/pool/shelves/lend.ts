import type { SandboxId, SandboxRequest } from '@caisson/protocol';
import type { Reservation } from '../../node/reservations.ts';
import type { Sandbox } from '../../runtimes/runtime.ts';

/** Makes a sandbox that was made for nobody that of `request`: with its environment, at full weight. */
export async function adopt(
  sandbox: Sandbox,
  request: Pick<SandboxRequest, 'env'>,
  signal: AbortSignal,
): Promise<void> {
  sandbox.setCpuWeight('normal');
  await sandbox.agent.steps.adoptEnvironment(request.env, signal);
}

/** The sandbox under another id. @param held is disposed when its end begins */
export function lend(sandbox: Sandbox, id: SandboxId, held: Disposable): Sandbox {
  return wrap(sandbox, id, async () => {
    held[Symbol.dispose]();
    await sandbox[Symbol.asyncDispose]();
  });
}

/** The sandbox with the room that it takes. @param room is disposed when nothing is left of it */
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
    isAlive: () => sandbox.isAlive(),
    memoryBytes: () => sandbox.memoryBytes(),
    heldBytes: () => sandbox.heldBytes(),
    runOutOfMemory: () => {
      sandbox.runOutOfMemory();
    },
    setCpuWeight: (weight) => {
      sandbox.setCpuWeight(weight);
    },
    pause: async (signal) => sandbox.pause(signal),
    resume: async (signal) => sandbox.resume(signal),
    [Symbol.asyncDispose]: end,
  };
}
