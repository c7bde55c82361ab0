import type { SandboxId, SandboxRequest } from '@caisson/protocol';
import type { Sandbox } from '../runtimes/runtime.ts';

/** Makes a sandbox that was made for nobody that of `request`: with its environment, at full weight. */
export function adopt(sandbox: Sandbox, request: Pick<SandboxRequest, 'env'>): void {
  sandbox.setCpuWeight('normal');
  sandbox.agent.adoptEnvironment(request.env);
}

/** The sandbox under another id. @param held is disposed when its end begins */
export function lend(sandbox: Sandbox, id: SandboxId, held: Disposable): Sandbox {
  return {
    id,
    agent: sandbox.agent,
    isAlive: () => sandbox.isAlive(),
    memoryBytes: () => sandbox.memoryBytes(),
    setCpuWeight: (weight) => {
      sandbox.setCpuWeight(weight);
    },
    pause: async (signal) => sandbox.pause(signal),
    resume: async (signal) => sandbox.resume(signal),
    [Symbol.asyncDispose]: async () => {
      held[Symbol.dispose]();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}
