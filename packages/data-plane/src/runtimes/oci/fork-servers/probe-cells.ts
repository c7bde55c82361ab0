import { newExecutionId, newSandboxId } from '@caisson/protocol/api';
import { jsonTextOf } from '@caisson/protocol/ports';
import { LoopShare, monotonicClock } from '@caisson/session-agent';
import type { ForkServers } from '../../../cells/fork-server/fork-server.ts';
import { runInCell } from '../../../cells/job.ts';
import type { RootDigest } from '../../../templates/root-digest.ts';

const PROBE_TIMEOUT_MS = 20_000;
const MIB = 2 ** 20;
const RESOURCES = { cpuMillicores: 1000, memoryBytes: 64 * MIB, diskBytes: 8 * MIB, pids: 16 };

/** Starts a runner and runs a job in a cell of it. @throws Error that says what does not work here */
export async function probeCells(servers: ForkServers, root: RootDigest, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
  await using server = await servers.start({ root, preload: { name: 'probe', modules: [] } }, deadline);
  const cell = await server.fork({ resources: RESOURCES, env: {} });
  let output = '';
  const { status, reason } = await runInCell(
    newSandboxId(),
    cell,
    {
      loopShare: new LoopShare(monotonicClock),
      step: {
        executionId: newExecutionId(),
        sessionId: null,
        language: 'python',
        code: 'print("works")',
        timeoutMs: PROBE_TIMEOUT_MS,
        env: {},
        stdin: null,
        event: jsonTextOf(null),
        outputLimitBytes: 4096,
      },
      events: (event) => {
        if (event.type === 'stdout' || event.type === 'stderr') output += event.text;
        return undefined;
      },
    },
    deadline,
  );
  await cell.end();
  if (status !== 'succeeded' || output !== 'works\n') {
    throw new Error(`a job in a cell ended as ${status} (${reason}): ${output.trim()}`);
  }
}
