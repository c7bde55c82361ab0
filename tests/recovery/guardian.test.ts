import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helperPid, instanceOf, leftoversOf, processesOf } from '../support/leftovers.ts';
import { patience } from '../support/patience.ts';
import { makeServerHome, Server, until } from '../support/server.ts';

const SLEEP =
  'import subprocess, time\nsubprocess.Popen(["sleep", "600"], start_new_session=True)\ntime.sleep(600)';
/** Each child continues when its parent is killed. */
const FORK_BOMB = `
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.001)
`;
/** One second is promised; a busy machine gets more. */
const GUARDIAN_TIMEOUT_MS = patience(5_000);

test('kill -9 of the server ends all code at once: running, paused, and forking endlessly', async () => {
  using home = makeServerHome();
  await using server = await Server.start(home);
  const instance = instanceOf(home.stateDirectory);
  const processes = () => processesOf(home.stateDirectory, instance);
  const session = async () => {
    const answer = await server.call<{ session_id: string }>('POST', '/api/v1/sessions', { body: {} });
    assert.equal(answer.status, 201);
    return answer.body.session_id;
  };
  const start = async (path: string, body: object) => {
    const answer = await server.call('POST', `/api/v1/${path}`, {
      body: { timeout: 300, ...body },
      headers: { prefer: 'respond-async' },
    });
    assert.equal(answer.status, 202);
  };
  const [running, paused, forking] = [await session(), await session(), await session()];
  const background = 'import subprocess\nsubprocess.Popen(["sleep", "601"])';
  await server.call('POST', `/api/v1/sessions/${paused}/execute`, { body: { code: background } });
  assert.equal((await server.call('POST', `/api/v1/sessions/${paused}/pause`)).status, 200);
  await start(`sessions/${running}/execute`, { code: SLEEP });
  await start(`sessions/${forking}/execute`, { code: FORK_BOMB });
  await start('jobs', { code: SLEEP });
  await start('jobs', { code: SLEEP, isolation_scope: 'sandbox' });
  await start('jobs', { code: FORK_BOMB });
  await until('all of it runs', async () => {
    const lines = processes();
    const count = (text: string) => lines.filter((line) => line.includes(text)).length;
    return Promise.resolve(count('sleep 600') === 3 && count('sleep 601') === 1 && lines.length > 100);
  });

  // Like a supervisor, which sends SIGTERM to everything the server started, then kills the server.
  process.kill(helperPid(home.stateDirectory, instance), 'SIGTERM');
  await server.kill();
  const gone = until(
    'no process of the instance is left',
    async () => Promise.resolve(processes().length === 0),
    GUARDIAN_TIMEOUT_MS,
  );
  await gone.catch(() => undefined);

  // Removes leftovers, even if the guardian has failed.
  await using next = await Server.start(home);
  await gone;
  assert.deepEqual(
    leftoversOf(home.stateDirectory, instance).filter((line) => line.includes(instance)),
    [],
  );
  const { body } = await next.call<{ status: string; reason: string }>('GET', `/api/v1/sessions/${paused}`);
  assert.deepEqual([body.status, body.reason], ['terminated', 'sandbox_lost']);
});
