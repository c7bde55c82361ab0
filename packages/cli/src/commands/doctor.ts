import type { Context } from '../context.ts';
import { writeText } from '../output.ts';
import { renderDoctor } from '../render/doctor.ts';

const PROBE_TIMEOUT_MS = 60_000;

/** Reports which runtimes work on this host. Returns 0 if one does. */
export async function doctor({ planes, stdout }: Context, options: { json: boolean }): Promise<number> {
  const runtimes = await planes.probeRuntimes(AbortSignal.timeout(PROBE_TIMEOUT_MS));
  await writeText(stdout, options.json ? `${JSON.stringify(runtimes, null, 2)}\n` : renderDoctor(runtimes));
  return runtimes.some(({ available }) => available) ? 0 : 1;
}
