import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSandboxId, newTenantId } from '@caisson/protocol/api';
import { RESOURCES, settled, TestPool } from './fake-runtime.testing.ts';

test('nothing is made ahead before it is started, and what is asked for is made on the spot', async () => {
  await using test = new TestPool();
  await test.take();
  await settled();
  assert.equal(test.runtime.made.length, 1);
  assert.deepEqual(test.pool.health(), []);
});

test('once started it makes ready what is to be warm, at low weight, with the kernel of its template', async () => {
  await using test = new TestPool({ warm: { python: 2, node: 1 } });
  test.pool.start();
  await settled();
  assert.deepEqual(test.runtime.made.map(({ warmed }) => warmed).toSorted(), [
    'javascript',
    'python',
    'python',
  ]);
  assert.ok(test.runtime.made.every(({ weights }) => weights.join() === 'low'));
});

test('a ready one is lent under the id and with the environment of the request, at normal weight', async () => {
  await using test = new TestPool();
  test.pool.start();
  await settled();
  const id = newSandboxId();
  const sandbox = await test.take({ id, env: { GREETING: 'hello' } });
  assert.equal(sandbox.id, id);
  const [made] = test.runtime.made;
  assert.ok(made);
  assert.deepEqual(made.env, { GREETING: 'hello' });
  assert.deepEqual(made.weights, ['low', 'normal']);
  assert.equal(test.numbers.claimed, 1);
});

test('the log tells which cgroup a claimed sandbox is in', async () => {
  await using test = new TestPool({ warm: { python: 1 } });
  test.pool.start();
  await settled();
  const [ready] = test.runtime.made;
  assert.ok(ready);
  const sandbox = await test.take();
  assert.notEqual(sandbox.id, ready.spec.id);
  const lines = test.log.map((line) => JSON.parse(line) as Record<string, unknown>);
  const claims = lines.filter(({ msg }) => msg === 'sandbox claimed');
  assert.deepEqual(
    claims.map(({ sandbox_id: id, cgroup }) => [id, cgroup]),
    [[sandbox.id, ready.spec.id]],
  );
});

test('many who ask at once get each another one', async () => {
  await using test = new TestPool({ warm: { python: 5 } });
  test.pool.start();
  await settled();
  const agents = await Promise.all(Array.from({ length: 12 }, async () => (await test.take()).agent));
  assert.equal(new Set(agents).size, 12);
  assert.equal(test.numbers.claimed + test.numbers.missed, 12);
  assert.ok(test.numbers.claimed >= 5);
});

test('one that was lent never comes back', async () => {
  await using test = new TestPool({ warm: { python: 1 } });
  test.pool.start();
  await settled();
  const first = await test.take();
  await first[Symbol.asyncDispose]();
  await settled();
  const second = await test.take();
  assert.notEqual(second.agent, first.agent);
});

test('a template or size of its own has ready ones of its own', async () => {
  await using test = new TestPool();
  test.pool.start();
  await settled();
  await test.take({ resources: { ...RESOURCES, memoryBytes: 2 ** 30 } });
  assert.equal(test.numbers.claimed, 0);
  assert.equal(test.runtime.made.at(-1)?.spec.resources.memoryBytes, 2 ** 30);
});

test('an environment that counts when a program starts gets a sandbox that starts with it', async () => {
  await using test = new TestPool();
  test.pool.start();
  await settled();
  await test.take({ env: { NODE_OPTIONS: '--no-warnings' } });
  assert.equal(test.numbers.claimed, 0);
  assert.deepEqual(test.runtime.made.at(-1)?.spec.env, { NODE_OPTIONS: '--no-warnings' });
});

test('when it is dry, so many at a time are made, in the order of the callers', async () => {
  await using test = new TestPool({ maximum: 0, creations: 3 });
  test.pool.start();
  test.runtime.held = true;
  const order: number[] = [];
  const all = Array.from({ length: 10 }, async (_, at) => {
    await test.take();
    order.push(at);
  });
  for (let made = 0; made < 10; made++) {
    await settled();
    test.runtime.letGo();
  }
  await settled();
  await Promise.all(all);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(test.runtime.mostAtOnce, 3);
});

test('a refill that ends while callers wait goes to the first of them', async () => {
  await using test = new TestPool({ creations: 1 });
  test.runtime.held = true;
  test.pool.start();
  await settled();
  const refills = test.runtime.waiting;
  const [first, second] = [test.take(), test.take()];
  await settled();
  test.runtime.letGo();
  const sandbox = await second;
  assert.equal(refills, 2);
  assert.deepEqual(
    test.runtime.made.map(({ weights }) => weights.join()),
    ['low,normal'],
  );
  assert.equal(sandbox.agent, test.runtime.made[0]?.agent);
  test.runtime.held = false;
  test.runtime.letGo();
  test.runtime.letGo();
  await first;
});

test('a caller who leaves the line makes room and leaves nothing', async () => {
  await using test = new TestPool({ warm: {}, creations: 1 });
  test.runtime.held = true;
  const [first, leaver] = [test.take(), new AbortController()];
  const left = test.take({}, leaver.signal);
  const last = test.take();
  await settled();
  leaver.abort(new Error('gone'));
  await assert.rejects(left, /gone/);
  test.runtime.letGo();
  await first;
  await settled();
  test.runtime.letGo();
  await last;
  assert.equal(test.runtime.made.length, 2);
});

test('a dead one is not lent, but cleared away and replaced', async () => {
  await using test = new TestPool({ warm: { python: 1 } });
  test.pool.start();
  await settled();
  const [dead] = test.runtime.made;
  assert.ok(dead);
  dead.die();
  await settled();
  const sandbox = await test.take();
  assert.notEqual(sandbox.agent, dead.agent);
  assert.equal(test.numbers.missed, 1);
  await settled();
  assert.equal(test.numbers.ready, test.numbers.target);
});

test('a dead one that nobody asks for is replaced', async () => {
  await using test = new TestPool({ warm: { python: 1 } });
  test.pool.start();
  await settled();
  const [dead] = test.runtime.made;
  assert.ok(dead);
  dead.die();
  await settled();
  await test.pass(1000);
  assert.equal(test.numbers.ready, 1);
  assert.equal(test.runtime.made.length, 2);
});

test('one that has become too old is replaced', async () => {
  await using test = new TestPool({ warm: { python: 1 }, maxAgeMs: 60_000 });
  test.pool.start();
  await settled();
  await test.pass(59_000);
  assert.equal(test.runtime.made.length, 1);
  await test.pass(1_000);
  assert.equal(test.runtime.made.length, 2);
  assert.deepEqual(
    test.runtime.made.map(({ alive }) => alive),
    [false, true],
  );
});

test('scarce memory empties it, and it is refilled only when memory is plenty again', async () => {
  await using test = new TestPool({ warm: { python: 2 } });
  test.pool.start();
  await settled();
  test.load = { ...test.load, availableBytes: 3 * 2 ** 30, memoryStallPercent: 12 };
  await test.pass(1000);
  assert.equal(test.runtime.alive.length, 0);
  test.load = { ...test.load, memoryStallPercent: 5 };
  await test.pass(1000);
  assert.equal(test.numbers.ready, 0);
  assert.ok(await test.take(), 'callers are served all the same');
  test.load = { ...test.load, memoryStallPercent: 0.5 };
  await test.pass(1000);
  assert.notEqual(test.numbers.ready, 0);
});

test('it holds no more than a part of the memory that is there', async () => {
  await using test = new TestPool({ warm: { python: 16 } });
  test.load = { ...test.load, availableBytes: 2 ** 30 };
  test.pool.start();
  for (let tick = 0; tick < 20; tick++) await test.pass(1000);
  assert.ok(test.numbers.ready > 0 && test.numbers.ready < 16, String(test.numbers.ready));
});

test('a refill that fails is tried again after longer and longer waits', async () => {
  await using test = new TestPool({ warm: { python: 1 } });
  test.runtime.failures = 3;
  test.pool.start();
  await settled();
  const attempts = [test.runtime.attempts];
  for (let second = 1; second <= 7; second++) {
    await test.pass(1000);
    attempts.push(test.runtime.attempts);
  }
  assert.deepEqual(attempts, [1, 2, 2, 3, 3, 3, 3, 4]);
  assert.equal(test.numbers.ready, 1);
});

test('on a busy host one is made at a time, with rests', async () => {
  await using test = new TestPool({ warm: { python: 4 } });
  test.runtime.held = true;
  test.pool.start();
  await settled();
  assert.equal(test.runtime.waiting, 2, 'while it is idle');
  test.load = { ...test.load, cpuTicks: 2000, idleTicks: 1000 };
  await test.pass(1000);
  test.runtime.letGo();
  test.runtime.letGo();
  await settled();
  assert.equal(test.runtime.waiting, 0, 'rests after two that took a second');
  test.load = { ...test.load, cpuTicks: 3000 };
  await test.pass(3_999);
  assert.equal(test.runtime.waiting, 0);
  test.load = { ...test.load, cpuTicks: 4000 };
  await test.pass(1);
  assert.equal(test.runtime.waiting, 1);
});

test('what is left over after a lull is given up, down to what is always warm', async () => {
  await using test = new TestPool({ warm: { python: 1 } });
  test.pool.start();
  for (let call = 0; call < 60; call++) {
    await test.take();
    await test.pass(200);
  }
  assert.ok(test.numbers.target > 3, String(test.numbers.target));
  for (let minute = 0; minute < 30; minute++) await test.pass(60_000);
  assert.equal(test.numbers.ready, 1);
});

test('no more stand ready than the tenants could still take', async () => {
  await using test = new TestPool({ warm: {} });
  const resources = { ...RESOURCES, memoryBytes: 2 ** 30 };
  test.pool.start();
  const target = () => test.pool.health()[0]?.target;
  const greedy = { resources, tenantId: newTenantId(), quota: { kind: 'session', limit: 3 } } as const;
  for (let call = 0; call < 60; call++) {
    const sandbox = await test.take(greedy);
    await test.pass(100);
    await sandbox[Symbol.asyncDispose]();
  }
  await test.pass(1000);
  assert.equal(target(), 3, 'of one tenant with a quota of three');
  const held = [await test.take(greedy), await test.take(greedy)];
  await test.pass(1000);
  assert.equal(target(), 1, 'while it holds two');
  // One that has to be made with its environment counts as well.
  held.push(await test.take({ ...greedy, env: { NODE_OPTIONS: '--no-warnings' } }));
  await test.pass(1000);
  assert.equal(target(), 0, 'while it holds three');
  await test.take({ resources, quota: { kind: 'job', limit: 2 } });
  await test.pass(1000);
  assert.equal(target(), 1, 'and another one of two for its jobs');
  for (const sandbox of held) await sandbox[Symbol.asyncDispose]();
  await test.pass(1000);
  assert.equal(target(), 4, 'after it has given all back');
});

test('what could not be had is not held', async () => {
  await using test = new TestPool({ warm: {} });
  const resources = { ...RESOURCES, memoryBytes: 2 ** 30 };
  test.pool.start();
  const request = { resources, tenantId: newTenantId(), quota: { kind: 'session', limit: 1 } } as const;
  test.runtime.failures = 20;
  for (let call = 0; call < 20; call++) await assert.rejects(test.take(request), /could be made/);
  await test.pass(1000);
  assert.equal(test.pool.health()[0]?.target, 1);
});

test('disposing ends what is ready and what is being made, and sends away who waits', async () => {
  const test = new TestPool({ creations: 1 });
  test.pool.start();
  await settled();
  test.runtime.held = true;
  const lent = await test.take();
  await test.take();
  const creating = test.take();
  const waiting = test.take();
  const sentAway = assert.rejects(waiting, /closed/);
  await settled();
  const closed = test.pool[Symbol.asyncDispose]();
  test.runtime.letGo();
  test.runtime.letGo();
  test.runtime.letGo();
  await closed;
  await sentAway;
  const own = await creating;
  const alive = test.runtime.alive.map(({ agent }) => agent);
  assert.equal(alive.length, 3, 'only what was lent');
  assert.ok(alive.includes(lent.agent) && alive.includes(own.agent));
  await assert.rejects(test.take(), /closed/);
});

test('ready sandboxes give way to a request that finds no room', async () => {
  await using test = new TestPool({}, 2);
  test.pool.start();
  await settled();
  assert.equal(test.numbers.ready, 2);
  const other = await test.take({ templateId: 'node' });
  assert.equal(test.numbers.ready, 1);
  const another = await test.take({ templateId: 'node' });
  assert.deepEqual([test.numbers.ready, test.runtime.alive.length], [0, 2]);
  for (const sandbox of [other, another]) await sandbox[Symbol.asyncDispose]();
  assert.equal(test.node.reservations.promised.pids, 0);
});

test('nothing is made ready where there is no room, and a request that finds none is refused', async () => {
  await using test = new TestPool({}, 2);
  const taken = [await test.take(), await test.take()];
  test.pool.start();
  await settled();
  assert.deepEqual([test.numbers.ready, test.runtime.made.length], [0, 2]);
  await assert.rejects(test.take(), { code: 'insufficient_capacity' });
  await taken[0]?.[Symbol.asyncDispose]();
  await test.take();
  assert.equal(test.runtime.alive.length, 2);
});

test('room is free again where a sandbox could not be made, or its caller was gone', async () => {
  await using test = new TestPool({}, 1);
  test.runtime.failures = 1;
  await assert.rejects(test.take(), /no container could be made/);
  test.runtime.held = true;
  const caller = new AbortController();
  const gone = test.take({}, caller.signal);
  await settled();
  caller.abort(new Error('gone'));
  await assert.rejects(gone, /gone/);
  assert.equal(test.node.reservations.promised.pids, 0);
});

test('what is made has the root of its template, and its workspace where the node puts it', async () => {
  await using test = new TestPool({ warm: { node: 1 } });
  test.pool.start();
  await settled();
  await test.take({ templateId: 'python', resources: { ...RESOURCES, diskBytes: 2 ** 40 } });
  assert.deepEqual(
    test.runtime.made
      .map(({ spec: { root, workspace, network } }) => [root, workspace, network.mode])
      .toSorted(),
    [
      ['sha256:node', 'memory', 'none'],
      ['sha256:python', 'disk', 'none'],
    ],
  );
});
