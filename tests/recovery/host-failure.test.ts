import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { helperPid, instanceOf, leftoversOf, processesOf } from '../support/leftovers.ts';
import { patience } from '../support/patience.ts';
import { makeServerHome, Server, until } from '../support/server.ts';

const SLEEP = 'import subprocess\nsubprocess.run(["sleep", "600"])';
const HOST_FAILURE = 71;
const INTERNAL_ERROR = 70;
const THROW_ON_SIGNAL = fileURLToPath(new URL('../support/throw-on-signal.ts', import.meta.url));

const FAILURES = [
  {
    name: 'the process that holds the mount namespace is killed',
    breakIt: (stateDirectory: string, instance: string) => {
      process.kill(helperPid(stateDirectory, instance), 'SIGKILL');
    },
    said: /the mount namespace has ended: its helper ended with signal SIGKILL/,
  },
  {
    name: 'the process that bounds netlink sockets is killed',
    breakIt: (stateDirectory: string, instance: string) => {
      const helper = helperPid(stateDirectory, instance);
      // Its first child; the others are programs that this child started.
      const [gate] = readFileSync(`/proc/${helper}/task/${helper}/children`, 'utf8').split(' ');
      process.kill(Number(gate), 'SIGKILL');
    },
    said: /the netlink gate has ended/,
  },
  {
    name: "the instance's directory is removed",
    breakIt: (stateDirectory: string, instance: string) => {
      rmSync(join(stateDirectory, 'instances', instance), { recursive: true });
    },
    said: /instances\S+ was removed/,
  },
];

for (const { name, breakIt, said } of FAILURES) {
  test(`${name}: the server ends running executions as sandbox_lost, logs why, and exits; the next one works`, async () => {
    using home = makeServerHome();
    await using server = await Server.start(home);
    const instance = instanceOf(home.stateDirectory);
    const post = async (path: string, body: object = {}) => {
      const answer = await server.call<Record<string, string>>('POST', `/api/v1/${path}`, {
        body,
        headers: { prefer: 'respond-async' },
      });
      assert.ok(answer.status < 300, JSON.stringify(answer.body));
      return answer.body;
    };
    const sessions = await Promise.all([post('sessions'), post('sessions')]);
    const [busy, idle] = sessions.map(({ session_id: id }) => id);
    await post(`sessions/${idle}/pause`);
    const executions = await Promise.all([
      post(`sessions/${busy}/execute`, { code: SLEEP, timeout: 600 }),
      post('jobs', { code: SLEEP, timeout: 600 }),
      post('jobs', { code: SLEEP, timeout: 600, isolation_scope: 'sandbox' }),
    ]);
    await until('the code runs', async () => {
      const lines = processesOf(home.stateDirectory, instance);
      return Promise.resolve(lines.filter((line) => line.includes('sleep 600')).length === executions.length);
    });

    breakIt(home.stateDirectory, instance);
    assert.equal(await server.exitCode(), HOST_FAILURE);
    assert.match(server.log, said);
    const fatal = server.log.split('\n').filter((line) => line.includes('"level":60'));
    assert.equal(fatal.length, 1, server.log);
    assert.deepEqual(leftoversOf(home.stateDirectory, instance), [], server.log);

    await using next = await Server.start(home);
    for (const { execution_id: id } of executions) {
      const { body } = await next.call('GET', `/api/v1/executions/${id}`);
      assert.deepEqual([body['status'], body['reason']], ['failed', 'sandbox_lost']);
    }
    for (const id of [busy, idle]) {
      const { body } = await next.call('GET', `/api/v1/sessions/${id}`);
      assert.deepEqual([body['status'], body['reason']], ['terminated', 'sandbox_lost']);
    }
    const job = await next.call('POST', '/api/v1/jobs', { body: { code: 'print("works")' } });
    assert.equal(job.body['stdout'], 'works\n');
  });
}

for (const [signal, message] of [
  ['SIGUSR2', 'thrown by a test'],
  ['SIGPWR', 'rejected by a test'],
] as const) {
  test(`an uncaught error (${message}) ends the server with one log line, and all code with it`, async () => {
    using home = makeServerHome();
    await using server = await Server.start(home, { nodeArguments: ['--import', THROW_ON_SIGNAL] });
    const instance = instanceOf(home.stateDirectory);
    const job = server
      .call('POST', '/api/v1/jobs', { body: { code: SLEEP, timeout: 600 } })
      .catch(() => undefined);
    await until('the job runs', async () => {
      const { body } = await server.call<{ executions: { running: number } }>(
        'GET',
        '/api/v1/health/detailed',
      );
      return body.executions.running === 1;
    });
    process.kill(server.pid, signal);
    assert.equal(await server.exitCode(), INTERNAL_ERROR);
    const fatal = server.log.split('\n').filter((line) => line.includes('"level":60'));
    assert.equal(fatal.length, 1, server.log);
    assert.ok(fatal[0]?.includes(message));
    await until(
      'no process of the instance is left',
      async () => Promise.resolve(processesOf(home.stateDirectory, instance).length === 0),
      patience(5_000),
    );
    await job;
    await using next = await Server.start(home);
    assert.deepEqual(
      leftoversOf(home.stateDirectory, instance).filter((line) => line.includes(instance)),
      [],
    );
    assert.equal((await next.call('GET', '/readyz')).status, 200);
  });
}
