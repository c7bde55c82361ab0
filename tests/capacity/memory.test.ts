import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { instanceOf } from '../support/leftovers.ts';
import { patience } from '../support/patience.ts';
import { runJob, runStep, sandboxRequest, startDataPlane } from '../support/sandbox.ts';
import { until } from '../support/server.ts';

const MIB = 2 ** 20;
/** All sandboxes together may hold 192 MiB. Each is promised more, including 176 MiB of files in memory. */
const NODE = { capacityMemoryBytes: 192 * MIB, capacityPids: 100, memoryOvercommit: 20 };
const RESOURCES = { cpuMillicores: 1000, memoryBytes: 256 * MIB, diskBytes: 48 * MIB, pids: 64 };
const FILL_FILES = `
for name in ("/workspace/fill", "/tmp/fill", "/dev/shm/fill"):
    with open(name, "wb") as file:
        try:
            while True: file.write(b"x" * (1 << 20)); file.flush()
        except OSError: pass
`;

function limitOf(stateDirectory: string, controller: string, v1: string, v2: string): number {
  const instance = instanceOf(stateDirectory);
  const path = `/sys/fs/cgroup/${controller}/caisson/${instance}/${v1}`;
  return Number(readFileSync(existsSync(path) ? path : `/sys/fs/cgroup/caisson/${instance}/${v2}`, 'utf8'));
}

test('the kernel limits the memory of all sandboxes together', async () => {
  await using started = await startDataPlane('auto', NODE);
  const { stateDirectory } = started;
  assert.equal(limitOf(stateDirectory, 'memory', 'memory.limit_in_bytes', 'memory.max'), 192 * MIB);
  assert.equal(limitOf(stateDirectory, 'pids', 'pids.max', 'pids.max'), 100);
});

test('a sandbox that fills the memory is ended, reported as lost, and frees it; the others survive', async () => {
  await using started = await startDataPlane('auto', NODE);
  const { dataPlane } = started;
  const lost: string[] = [];
  dataPlane.onSandboxLost((id) => lost.push(id));
  const quiet = await dataPlane.createSandbox(sandboxRequest(), AbortSignal.timeout(patience(30_000)));
  await runStep(quiet, 'x = 42');
  const request = sandboxRequest({ resources: RESOURCES });
  const greedy = await dataPlane.createSandbox(request, AbortSignal.timeout(patience(30_000)));
  // Files outlive the process that wrote them, so a kill inside the sandbox could not free them.
  const { status, reason } = await runStep(
    greedy,
    `${FILL_FILES}\nheld = bytearray(100 << 20)\nimport time; time.sleep(60)`,
  );
  assert.deepEqual([status, reason], ['failed', 'out_of_memory']);
  await until('it is lost', async () => Promise.resolve(lost.length > 0));
  assert.deepEqual(lost, [greedy.id]);
  assert.equal((await runStep(quiet, 'print(x)')).stdout, '42\n');
  await until('what it held is free', async () => {
    const { capacity } = await dataPlane.health();
    return (capacity.memoryBytes.used ?? Infinity) < 128 * MIB && capacity.cpuMillicores.promised === 1000;
  });
});

for (const isolationScope of ['auto', 'sandbox'] as const) {
  test(`a job that fills the memory ends as out_of_memory, and the next one runs (${isolationScope})`, async () => {
    await using started = await startDataPlane('auto', NODE);
    const { dataPlane } = started;
    const request = () => sandboxRequest({ resources: RESOURCES, isolationScope });
    const code = `${FILL_FILES}\nheld = bytearray(100 << 20)\nimport time; time.sleep(60)`;
    const { status, reason } = await runJob(dataPlane, code, { request: request() });
    assert.deepEqual([status, reason], ['failed', 'out_of_memory']);
    const next = await runJob(dataPlane, 'print("works")', { request: request() });
    assert.equal(next.stdout, 'works\n');
  });
}

test('a fork bomb stops at the process limit of all sandboxes together', async () => {
  await using started = await startDataPlane('auto', { ...NODE, capacityPids: 30, pidsOvercommit: 20 });
  const { dataPlane } = started;
  const bomb = `
import os, time
count = 0
try:
    while True:
        if os.fork() == 0: time.sleep(60)
        count += 1
except OSError: print(count)
`;
  const request = sandboxRequest({ resources: RESOURCES, isolationScope: 'sandbox' });
  const { stdout } = await runJob(dataPlane, bomb, { request });
  assert.ok(Number(stdout) > 0 && Number(stdout) < 30, stdout);
  assert.equal((await runJob(dataPlane, 'print("works")')).stdout, 'works\n');
});
