import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { WorkspacePath } from '@caisson/protocol/api';
import { instanceOf } from '../support/leftovers.ts';
import { patience } from '../support/patience.ts';
import { runStep, sandboxRequest, startDataPlane } from '../support/sandbox.ts';
import { until } from '../support/server.ts';

/** Keeps every processor busy until a file named `stop` exists. */
const SPIN = `
import os
def spin():
    while not os.path.exists("stop"): pass
for _ in range(os.cpu_count()):
    if os.fork() == 0:
        spin()
        os._exit(0)
spin()
`;
/** File names on v1 and v2. */
const NORMAL = ['1024', '100'];
const LOW = ['64', '6'];

test('a sandbox that keeps the processors busy has a low weight until it stops, and the others keep theirs', async () => {
  await using started = await startDataPlane();
  const { dataPlane, stateDirectory } = started;
  const resources = {
    ...sandboxRequest().resources,
    cpuMillicores: dataPlane.maximum.cpuMillicores,
    pids: 1024,
  };
  const signal = AbortSignal.timeout(patience(30_000));
  const quiet = await dataPlane.createSandbox(sandboxRequest(), signal);
  const busy = await dataPlane.createSandbox(sandboxRequest({ resources }), signal);
  const weightOf = ({ id }: { readonly id: string }) => {
    const path = `caisson/${instanceOf(stateDirectory)}/${id}`;
    const v1 = `/sys/fs/cgroup/cpu/${path}/cpu.shares`;
    return readFileSync(existsSync(v1) ? v1 : `/sys/fs/cgroup/${path}/cpu.weight`, 'utf8').trim();
  };
  assert.ok(NORMAL.includes(weightOf(busy)));
  const spinning = runStep(busy, SPIN, { timeoutMs: patience(60_000) });
  await until('it has a low weight', async () => Promise.resolve(LOW.includes(weightOf(busy))));
  assert.ok(NORMAL.includes(weightOf(quiet)));
  await busy.agent.files.write('stop' as WorkspacePath, Readable.from([]), signal);
  assert.equal((await spinning).status, 'succeeded');
  await until('it has its weight again', async () => Promise.resolve(NORMAL.includes(weightOf(busy))));
});
