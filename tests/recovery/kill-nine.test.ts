import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceOf, leftoversOf } from '../support/leftovers.ts';
import { makeServerHome, Server, until } from '../support/server.ts';

interface Execution {
  execution_id: string;
  status: string;
  reason: string | null;
}

interface AuditEvent {
  sequence: number;
  principal: string;
  action: string;
  subject: string;
  previous_hash: string;
  hash: string;
}

const EXECUTIONS = 20;
const SLEEP =
  'import subprocess, time\nsubprocess.Popen(["sleep", "600"], start_new_session=True)\ntime.sleep(600)';

test('kill -9 of the server during 20 executions: the next start ends them with a reason and leaves nothing', async () => {
  using home = makeServerHome();
  const first = await Server.start(home);
  const instance = instanceOf(home.stateDirectory);
  const session = await first.call<{ session_id: string }>('POST', '/api/v1/sessions', {
    body: { timeout: 900 },
  });
  assert.equal(session.status, 201);
  const { session_id: sessionId } = session.body;
  await first.call('PUT', `/api/v1/sessions/${sessionId}/files/kept.txt`, {
    headers: { 'content-length': '0' },
  });
  const body = { code: SLEEP, timeout: 900 };
  const started = await Promise.all(
    Array.from({ length: EXECUTIONS }, async (_, index) => {
      const path = index === 0 ? `/api/v1/sessions/${sessionId}/execute` : '/api/v1/jobs';
      const answer = await first.call<Execution>('POST', path, {
        body,
        headers: { prefer: 'respond-async' },
      });
      assert.equal(answer.status, 202);
      return answer.body.execution_id;
    }),
  );
  const statusOf = async (server: Server, id: string) =>
    (await server.call<Execution>('GET', `/api/v1/executions/${id}/status`)).body;
  const running = async () => {
    const all = await Promise.all(started.map(async (id) => statusOf(first, id)));
    // As many as this machine runs at once; the others wait in the queue.
    return all.filter(({ status }) => status === 'running').length >= Math.min(EXECUTIONS, 12);
  };
  await until('the executions run', running);
  await first.kill();
  assert.notEqual(leftoversOf(home.stateDirectory, instance).length, 0, 'the test would see what is left');

  await using second = await Server.start(home);
  await until('every execution has ended or runs anew', async () => {
    const all = await Promise.all(started.map(async (id) => statusOf(second, id)));
    for (const { status, reason } of all) {
      if (status === 'failed') assert.equal(reason, 'sandbox_lost');
    }
    return all.filter(({ status }) => status === 'failed').length >= Math.min(EXECUTIONS, 12);
  });
  const { body: after } = await second.call<{ status: string; reason: string }>(
    'GET',
    `/api/v1/sessions/${sessionId}`,
  );
  assert.deepEqual([after.status, after.reason], ['terminated', 'sandbox_lost']);
  for (const id of started) await second.call('POST', `/api/v1/executions/${id}/cancel`);
  await until('no execution runs any more', async () => {
    const all = await Promise.all(started.map(async (id) => statusOf(second, id)));
    return all.every(({ status }) => status === 'failed' || status === 'cancelled');
  });
  await checkTrail(second, started);
  assert.deepEqual(
    leftoversOf(home.stateDirectory, instance).filter((line) => line.includes(instance)),
    [],
  );
  const secondInstance = instanceOf(home.stateDirectory);
  assert.equal(await second.stop(), 0);
  assert.deepEqual(leftoversOf(home.stateDirectory, secondInstance), []);
});

/** The audit trail has one end per execution, and its chain continues across the crash. */
async function checkTrail(server: Server, executions: readonly string[]): Promise<void> {
  const { body } = await server.call<{ items: AuditEvent[] }>('GET', '/api/v1/audit?limit=1000');
  const trail = body.items.toReversed();
  for (const [index, event] of trail.entries()) {
    assert.equal(event.sequence, index + 1);
    assert.equal(event.previous_hash, trail[index - 1]?.hash ?? '0'.repeat(64));
  }
  const ended = trail.filter(({ action }) => action === 'execution.finished').map(({ subject }) => subject);
  assert.deepEqual(ended.toSorted(), executions.toSorted());
  const sessionEnd = trail.find(({ action }) => action === 'session.terminated');
  assert.equal(sessionEnd?.principal, 'system');
}

test('SIGTERM ends running executions with the reason shutdown and leaves nothing', async () => {
  using home = makeServerHome();
  const server = await Server.start(home);
  const instance = instanceOf(home.stateDirectory);
  const answers = Array.from({ length: 4 }, async () =>
    server.call<Execution>('POST', '/api/v1/jobs', { body: { code: SLEEP, timeout: 300 } }),
  );
  await until('the jobs run', async () => {
    const health = await server.call<{ executions: { running: number } }>('GET', '/api/v1/health/detailed');
    return health.body.executions.running === 4;
  });
  assert.equal(await server.stop(), 0);
  for (const { body } of await Promise.all(answers)) {
    assert.deepEqual([body.status, body.reason], ['cancelled', 'shutdown']);
  }
  assert.deepEqual(leftoversOf(home.stateDirectory, instance), []);
});
