import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { instanceOf, leftoversOf, processesOf } from '../support/leftovers.ts';
import { outputOf, sandboxRequest, startDataPlane } from '../support/sandbox.ts';
import { until } from '../support/server.ts';

/** Time from the end of a sandbox's first process until the loss is reported. */
const NOTICE_MS = 2_000;

for (const runtime of ['crun', 'runc'] as const) {
  test(`a sandbox of ${runtime} whose first process ends is reported as lost, and nothing of it is left`, async () => {
    await using started = await startDataPlane(runtime);
    const { dataPlane, stateDirectory } = started;
    const instance = instanceOf(stateDirectory);
    const lost: string[] = [];
    dataPlane.onSandboxLost((id) => lost.push(id));
    const signal = AbortSignal.timeout(60_000);
    const [dies, lives] = [
      await dataPlane.createSandbox(sandboxRequest(), signal),
      await dataPlane.createSandbox(sandboxRequest(), signal),
    ];
    process.kill(firstPid(stateDirectory, instance, dies.id), 'SIGKILL');
    await until('the loss is reported', async () => Promise.resolve(lost.includes(dies.id)), NOTICE_MS);
    const left = () =>
      leftoversOf(stateDirectory, `${instance}/${dies.id}`).filter((line) => line.includes(dies.id));
    await until('nothing of it is left', async () => Promise.resolve(left().length === 0));
    assert.equal(await outputOf(lives, 'print("works")'), 'works\n');
    await lives.destroy();
    assert.deepEqual(lost, [dies.id], 'what its owner ends is not lost');
  });
}

/** Host pid of the init of a sandbox. */
function firstPid(stateDirectory: string, instance: string, id: string): number {
  const pids = processesOf(stateDirectory, instance).map((line) => Number(line.split(' ')[0]));
  const pid = pids.find(
    (each) =>
      readFileSync(`/proc/${each}/cgroup`, 'utf8').includes(`/${id}`) &&
      readFileSync(`/proc/${each}/cmdline`, 'utf8').startsWith('/opt/caisson/init'),
  );
  if (pid === undefined) throw new Error(`the sandbox ${id} has no init`);
  return pid;
}
