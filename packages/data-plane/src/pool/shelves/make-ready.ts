import type { Language } from '@caisson/protocol/api';
import type { CpuWeight, Runtime, Sandbox, SandboxSpec } from '../../runtimes/runtime.ts';

/** Makes a sandbox whose kernel of `language` is ready for a step. If it fails, or `signal` is aborted, nothing is left. */
export async function makeReady(
  runtime: Pick<Runtime, 'create'>,
  spec: SandboxSpec,
  { language, cpuWeight }: { readonly language: Language; readonly cpuWeight: CpuWeight },
  signal: AbortSignal,
): Promise<Sandbox> {
  await using cleanup = new AsyncDisposableStack();
  const sandbox = cleanup.use(await runtime.create(spec, signal));
  if (cpuWeight !== 'normal') await sandbox.setCpuWeight?.(cpuWeight, signal);
  await sandbox.agent.steps.prewarm(language, signal);
  signal.throwIfAborted();
  cleanup.move();
  return sandbox;
}
