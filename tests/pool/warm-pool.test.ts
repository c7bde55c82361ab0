import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { SandboxPlane } from '@caisson/data-plane';
import type { Resources } from '@caisson/protocol/ports';
import { instanceOf, leftoversOf } from '../support/leftovers.ts';
import { outputOf, runJob, runStep, sandboxRequest, startDataPlane } from '../support/sandbox.ts';
import { until } from '../support/server.ts';

async function poolOf(dataPlane: SandboxPlane, templateId: string) {
  const { pools } = await dataPlane.health(AbortSignal.timeout(5_000));
  const pool = pools.find((candidate) => candidate.templateId === templateId);
  if (pool === undefined) throw new Error(`there is no pool of ${templateId}`);
  return pool;
}

async function untilReady(dataPlane: SandboxPlane, templateId: string): Promise<void> {
  await until(
    `a ready sandbox of ${templateId}`,
    async () => (await poolOf(dataPlane, templateId)).ready > 0,
  );
}

/** Directory of the cgroup of the process `pid`, in the hierarchy of the pids controller. */
function cgroupOf(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const line = lines.find((each) => each.includes(':pids:')) ?? lines.find((each) => each.startsWith('0::'));
  const hierarchy = line?.startsWith('0::') === true ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids';
  return `${hierarchy}${line?.split(':').at(-1)}`;
}

/** The template's default size, which is kept warm from the start. */
function defaultRequest(dataPlane: SandboxPlane, templateId: string, env: Record<string, string> = {}) {
  const template = dataPlane.templates.find(({ id }) => id === templateId);
  const resources = template?.resources as Resources;
  return sandboxRequest({ templateId, resources, env, isolationScope: 'sandbox' });
}

test('a session gets a ready sandbox, with its id, its environment and all limits', async () => {
  await using started = await startDataPlane();
  const { dataPlane } = started;
  dataPlane.warmUp();
  await untilReady(dataPlane, 'python');
  const request = defaultRequest(dataPlane, 'python', { GREETING: 'hello', PATH: '/opt:/usr/bin:/bin' });
  const sandbox = await dataPlane.createSandbox(request, AbortSignal.timeout(30_000));
  assert.equal((await poolOf(dataPlane, 'python')).claimed, 1);
  assert.equal(sandbox.id, request.id);
  const print = 'import os; print(os.environ["GREETING"], os.environ["PATH"], sorted(os.listdir(".")))';
  assert.equal(await outputOf(sandbox, print), 'hello /opt:/usr/bin:/bin []\n');
  assert.equal(await outputOf(sandbox, 'echo "$GREETING"', { language: 'shell' }), 'hello\n');
  const status = await outputOf(sandbox, 'print(open("/proc/self/status").read())');
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(status, /^Seccomp:\t2$/m);
  assert.match(status, /^CapBnd:\t0+$/m);
  const { reason } = await runStep(sandbox, 'bytearray(900 << 20)');
  assert.equal(reason, 'out_of_memory');
  await sandbox.destroy();
});

test('a job never sees traces of another, with or without a ready sandbox', async () => {
  await using started = await startDataPlane();
  const { dataPlane } = started;
  dataPlane.warmUp();
  await untilReady(dataPlane, 'node');
  const code = `
    const fs = require('fs');
    const seen = [globalThis.mark, fs.existsSync('/tmp/mark'), fs.existsSync('mark'), process.env.SECRET];
    globalThis.mark = process.env.MARK = 1;
    fs.writeFileSync('/tmp/mark', ''); fs.writeFileSync('mark', '');
    require('child_process').spawn('sleep', ['100'], { detached: true, stdio: 'ignore' }).unref();
    // Of the processes, those of jobs: a runtime may not have left yet.
    const isSleep = (pid) => {
      try { return fs.readFileSync('/proc/' + pid + '/comm', 'utf8') === 'sleep\\n'; } catch { return false; }
    };
    console.log(JSON.stringify([...seen, fs.readdirSync('/proc').filter(isSleep).length]));
  `;
  const outputs = new Set<string>();
  for (let round = 0; round < 4; round++) {
    const jobs = [0, 1].map(async (at) => {
      const request = defaultRequest(dataPlane, 'node', at === 0 ? { SECRET: 'mine' } : {});
      const ran = await runJob(dataPlane, code, { request, language: 'javascript' });
      assert.equal(ran.status, 'succeeded', ran.stderr);
      outputs.add(`${at} ${ran.stdout}`);
    });
    await Promise.all(jobs);
  }
  assert.deepEqual([...outputs].toSorted(), [
    '0 [null,false,false,"mine",1]\n',
    '1 [null,false,false,null,1]\n',
  ]);
  const { claimed, missed } = await poolOf(dataPlane, 'node');
  assert.equal(claimed + missed, 8);
  assert.ok(claimed > 0);
});

test('a ready sandbox that is killed is replaced', async () => {
  await using started = await startDataPlane();
  const { dataPlane, stateDirectory } = started;
  dataPlane.warmUp();
  await untilReady(dataPlane, 'shell');
  const left = leftoversOf(stateDirectory, instanceOf(stateDirectory));
  const firstProcesses = left.filter(
    (line) => line.startsWith('process') && line.includes('/opt/caisson/init'),
  );
  assert.ok(firstProcesses.length > 0);
  for (const line of firstProcesses) {
    const pid = Number(line.split(' ')[1]);
    const cgroup = cgroupOf(pid);
    process.kill(pid, 'SIGKILL');
    await until('nothing is left of it', async () => Promise.resolve(!existsSync(cgroup)));
  }
  const request = defaultRequest(dataPlane, 'shell');
  const sandbox = await dataPlane.createSandbox(request, AbortSignal.timeout(30_000));
  assert.equal(await outputOf(sandbox, 'echo works', { language: 'shell' }), 'works\n');
  await untilReady(dataPlane, 'shell');
});

test('nothing is left at the end, even if sandboxes are ready or being created', async () => {
  await using started = await startDataPlane();
  const { dataPlane, stateDirectory } = started;
  const instance = instanceOf(stateDirectory);
  dataPlane.warmUp();
  await untilReady(dataPlane, 'python');
  await dataPlane.createSandbox(defaultRequest(dataPlane, 'python'), AbortSignal.timeout(30_000));
  await dataPlane[Symbol.asyncDispose]();
  assert.deepEqual(leftoversOf(stateDirectory, instance), []);
});
