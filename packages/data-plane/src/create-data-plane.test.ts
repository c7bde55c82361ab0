import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newSandboxId, newTenantId } from '@caisson/protocol/api';
import type { Isolation } from '@caisson/protocol/api';
import type { SandboxRequest } from '@caisson/protocol/ports';
import { pino } from 'pino';
import { createDataPlane, probeRuntimes } from './create-data-plane.ts';
import { FakeForkServers } from './cells/fork-server/fork-server.testing.ts';
import { FakeFamily } from './runtimes/fake-family.testing.ts';
import { RESOURCES, settled, step } from './pool/fake-runtime.testing.ts';
import type { RuntimeChoice } from './runtimes/runtime-family.ts';

const logger = pino({ level: 'silent' });
const signal = new AbortController().signal;

function makeStateDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync('/run/caisson-test-');
  return {
    path,
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true });
    },
  };
}

/** A data plane over these families alone, with a state directory of its own. */
async function start(families: readonly FakeFamily[], runtime = 'auto') {
  await using undo = new AsyncDisposableStack();
  const { path: stateDirectory } = undo.use(makeStateDirectory());
  const workspaceDirectory = join(stateDirectory, 'workspaces');
  const options = { stateDirectory, workspaceDirectory, families, runtime: runtime as RuntimeChoice, logger };
  const { plane: dataPlane } = undo.use(await createDataPlane(options));
  const release = undo.move();
  return { dataPlane, [Symbol.asyncDispose]: async () => release.disposeAsync() };
}

function request(isolation = 'container'): SandboxRequest {
  return {
    id: newSandboxId(),
    tenantId: newTenantId(),
    templateId: 'python',
    isolation: isolation as Isolation,
    resources: RESOURCES,
    env: {},
    isolationScope: 'auto',
    quota: { kind: 'session', limit: 10 },
  };
}

test('a node starts without a family that does not work, refuses its isolation, and reports what it lacks', async () => {
  const [broken, working] = [
    new FakeFamily('vm', { isolation: 'microvm', problem: 'load the module kvm' }),
    new FakeFamily('box'),
  ];
  await using started = await start([broken, working]);
  const { dataPlane } = started;
  for (const refused of [
    dataPlane.createSandbox(request('microvm'), signal),
    dataPlane.runJob(request('microvm'), step(), () => undefined, signal),
  ]) {
    await assert.rejects(refused, {
      code: 'isolation_unavailable',
      context: { isolation: 'microvm', available: ['container'] },
    });
  }
  const { runtimes } = await dataPlane.health();
  assert.deepEqual(
    runtimes.map(({ name, available, chosen, problems }) => [name, available, chosen, problems]),
    [
      ['vm', false, false, ['load the module kvm']],
      ['box', true, true, runtimes[1]?.problems],
    ],
  );
  const sandbox = await dataPlane.createSandbox(request(), signal);
  assert.deepEqual(sandbox.placement, { runtime: 'box', isolation: 'container', scope: 'sandbox' });
});

test('each request is served by the family of its isolation, with its own pool and cells', async () => {
  const [boxCells, vmCells] = [new FakeForkServers(), new FakeForkServers()];
  const families = [
    new FakeFamily('box', { forkServers: boxCells }),
    new FakeFamily('vm', { isolation: 'microvm', forkServers: vmCells }),
  ];
  await using started = await start(families);
  const { dataPlane } = started;
  const made = () => families.map(({ runtime }) => runtime.made.length);
  assert.equal((await dataPlane.createSandbox(request('microvm'), signal)).placement.runtime, 'vm');
  assert.deepEqual(made(), [0, 1]);
  assert.equal((await dataPlane.createSandbox(request(), signal)).placement.runtime, 'box');
  assert.deepEqual(made(), [1, 1]);
  const cancelled = new AbortController();
  const job = dataPlane.runJob(request('microvm'), step(), () => undefined, cancelled.signal);
  await settled();
  assert.deepEqual([boxCells.started.length, vmCells.started.length], [0, 1]);
  cancelled.abort();
  await job;
});

test('only the preferred isolation is warm before the first request', async () => {
  const families = [new FakeFamily('box'), new FakeFamily('vm', { isolation: 'microvm' })];
  await using started = await start(families);
  started.dataPlane.warmUp();
  await settled();
  const { pools } = await started.dataPlane.health();
  assert.deepEqual([...new Set(pools.map(({ isolation }) => isolation))], ['container']);
  assert.ok((families[0]?.runtime.made.length ?? 0) > 0);
  assert.equal(families[1]?.runtime.made.length, 0);
});

test('if no family works, the node reports what each lacks', async () => {
  const families = [
    new FakeFamily('box', { problem: 'install the package box' }),
    new FakeFamily('vm', { isolation: 'microvm', problem: 'load the module kvm' }),
  ];
  await assert.rejects(start(families), { problems: ['install the package box', 'load the module kvm'] });
  using state = makeStateDirectory();
  const health = await probeRuntimes({ stateDirectory: state.path, families, logger, signal });
  assert.deepEqual(
    health.map(({ name, problems }) => [name, problems]),
    [
      ['box', ['install the package box']],
      ['vm', ['load the module kvm']],
    ],
  );
});

test('a required runtime that does not work fails the start, even if others work', async () => {
  const families = [
    new FakeFamily('box', { problem: 'install the package box' }),
    new FakeFamily('vm', { isolation: 'microvm' }),
  ];
  await assert.rejects(start(families, 'box'), { problems: ['install the package box'] });
  await using started = await start(families, 'vm');
  assert.equal((await started.dataPlane.createSandbox(request('microvm'), signal)).placement.runtime, 'vm');
});

test('a sandbox that dies is reported as lost at once, and is gone', async () => {
  const family = new FakeFamily('box');
  await using started = await start([family]);
  const { dataPlane } = started;
  const lost: string[] = [];
  dataPlane.onSandboxLost((id) => lost.push(id));
  const [dies, ended] = [
    await dataPlane.createSandbox(request(), signal),
    await dataPlane.createSandbox(request(), signal),
  ];
  await ended.destroy();
  family.runtime.made[0]?.die();
  await settled();
  assert.deepEqual(lost, [dies.id]);
});

test('a runtime that cannot pause refuses to', async () => {
  await using started = await start([new FakeFamily('box')]);
  const sandbox = await started.dataPlane.createSandbox(request(), signal);
  const unavailable = { code: 'pause_unavailable', context: { isolation: 'container' } };
  await assert.rejects(sandbox.pause(signal), unavailable);
  await assert.rejects(sandbox.resume(signal), unavailable);
});

test('the failure of one family ends the sandboxes of all', async () => {
  const families = [new FakeFamily('box'), new FakeFamily('vm', { isolation: 'microvm' })];
  await using started = await start(families);
  const { dataPlane } = started;
  const lost: string[] = [];
  dataPlane.onSandboxLost((id) => lost.push(id));
  const sandbox = await dataPlane.createSandbox(request('microvm'), signal);
  const [box] = families;
  assert.ok(box);
  box.brokenBy = 'the daemon of boxes has ended';
  const { message } = await dataPlane.failed;
  assert.equal(message, 'the daemon of boxes has ended');
  assert.deepEqual(lost, [sandbox.id]);
  assert.deepEqual(
    families.map(({ kills }) => kills),
    [1, 1],
  );
});
