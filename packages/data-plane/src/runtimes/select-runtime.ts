import type { RuntimeHealth, RuntimeName } from '@caisson/protocol';
import type { Runtime } from './runtime.ts';

export type RuntimeChoice = RuntimeName | 'auto';

/** The probe of each runtime, in order of preference; the first that works, or the one that was asked for, is chosen. */
export async function probeAll(
  runtimes: readonly Runtime[],
  choice: RuntimeChoice,
  signal: AbortSignal,
): Promise<RuntimeHealth[]> {
  const probes: RuntimeHealth[] = [];
  for (const { name, isolation, ...runtime } of runtimes.map(withProbe)) {
    const probe = await runtime.probe(signal);
    const wanted = choice === 'auto' ? !probes.some(({ chosen }) => chosen) : choice === name;
    probes.push({ name, isolation, ...probe, chosen: wanted && probe.available });
  }
  return probes;
}

function withProbe(runtime: Runtime): Pick<Runtime, 'name' | 'isolation' | 'probe'> {
  const { name, isolation } = runtime;
  return { name, isolation, probe: runtime.probe.bind(runtime) };
}
