import type { SandboxRequest } from '@caisson/protocol';
import type { Sandbox } from '../runtimes/runtime.ts';

/** A sandbox that was made for nobody, from now on that of `request`: by its id, with its environment, at full weight. */
export function lend(sandbox: Sandbox, request: Pick<SandboxRequest, 'id' | 'env'>): Sandbox {
  sandbox.setCpuWeight('normal');
  sandbox.agent.adoptEnvironment(request.env);
  return {
    id: request.id,
    agent: sandbox.agent,
    isAlive: () => sandbox.isAlive(),
    memoryBytes: () => sandbox.memoryBytes(),
    setCpuWeight: (weight) => {
      sandbox.setCpuWeight(weight);
    },
    pause: async (signal) => sandbox.pause(signal),
    resume: async (signal) => sandbox.resume(signal),
    [Symbol.asyncDispose]: async () => sandbox[Symbol.asyncDispose](),
  };
}
