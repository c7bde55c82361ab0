import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isCaissonError, newExecutionId, newSandboxId, newTenantId } from '@caisson/protocol/api';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { SandboxId } from '@caisson/protocol/api';
import type {
  DataPlane,
  ExecutionRequest,
  OutputBatch,
  SandboxRequest,
  StepRequest,
} from '@caisson/protocol/ports';

const MIB = 2 ** 20;
const LEASE_MS = 60_000;
const END = { reason: 'cancelled', by: 'key_of_somebody' } as const;

/** Code that the suite runs; a fake must imitate each piece. */
export const CODES = {
  prints: 'print(1)\nimport sys\nprint(2, file=sys.stderr)',
  forever: 'print("begun", flush=True)\nimport time\ntime.sleep(300)',
  sleeps: 'import time\ntime.sleep(0.6)\nprint("slept")',
} as const;

function signal(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

function sandboxRequest(id = newSandboxId()): SandboxRequest {
  return {
    id,
    tenantId: newTenantId(),
    templateId: 'python',
    isolation: 'container',
    resources: { cpuMillicores: 1000, memoryBytes: 128 * MIB, diskBytes: 32 * MIB, pids: 64 },
    env: {},
    isolationScope: 'auto',
    quota: { kind: 'session', limit: 100 },
  };
}

function stepOf(code: string, timeoutMs = 20_000): StepRequest {
  return {
    executionId: newExecutionId(),
    sessionId: null,
    language: 'python',
    code,
    timeoutMs,
    env: {},
    stdin: null,
    event: jsonTextOf({}),
    outputLimitBytes: MIB,
  };
}

function job(code: string, timeoutMs?: number): ExecutionRequest {
  const sandbox = sandboxRequest();
  return {
    tenantId: sandbox.tenantId,
    step: stepOf(code, timeoutMs),
    target: { type: 'fresh', sandbox },
    streamed: false,
  };
}

function inSandbox(sandboxId: SandboxId, code: string, timeoutMs?: number): ExecutionRequest {
  const target = { type: 'sandbox', sandboxId } as const;
  return { tenantId: newTenantId(), step: stepOf(code, timeoutMs), target, streamed: false };
}

async function textOf(batches: AsyncIterable<OutputBatch>): Promise<string> {
  let text = '';
  for await (const { events } of batches) for (const event of events) if ('text' in event) text += event.text;
  return text;
}

/** Waits until the code of an execution has printed something. */
async function untilBegun(plane: DataPlane, { step }: ExecutionRequest): Promise<void> {
  for await (const { events } of plane.follow(step.executionId, 0, false, signal()))
    if (events.length > 0) return;
}

/** The contract of every `DataPlane` with its control planes. */
export function dataPlaneContract(
  name: string,
  make: () => Promise<AsyncDisposable & { node: DataPlane }>,
): void {
  suite(`contract of a data plane: ${name}`, () => {
    test('an execution starts under its id, and is kept with its output until it is acknowledged', async () => {
      await using made = await make();
      const { node } = made;
      const request = job(CODES.prints);
      const { executionId: id } = request.step;
      await node.start(request, signal());
      await node.start(request, signal());
      const { outcome, placement, endedBy, endedMsAgo } = await node.outcome(id, signal());
      assert.equal(outcome.status, 'succeeded');
      assert.ok(placement);
      assert.equal(endedBy, null);
      assert.ok(endedMsAgo >= 0);
      const all = await node.output(id, 0, signal());
      // A print may come in several pieces.
      const written = (type: 'stdout' | 'stderr') =>
        all.events.map((event) => (event.type === type ? event.text : '')).join('');
      assert.deepEqual([written('stdout'), written('stderr')], ['1\n', '2\n']);
      assert.equal((await node.output(id, 1, signal())).events.length, all.events.length - 1);
      assert.deepEqual(
        (await node.executions(signal())).map((one) => [one.id, one.state, one.tenantId]),
        [[id, 'ended', request.tenantId]],
      );
      await node.acknowledge(id, signal());
      await node.acknowledge(id, signal());
      assert.deepEqual(await node.executions(signal()), []);
      await assert.rejects(node.outcome(id, signal()), (error) =>
        isCaissonError(error, 'execution_not_found'),
      );
      await assert.rejects(node.output(id, 0, signal()), (error) =>
        isCaissonError(error, 'execution_not_found'),
      );
    });

    test('any number of readers can follow its output from any position, live and afterwards', async () => {
      await using made = await make();
      const { node } = made;
      const request = job(CODES.sleeps);
      const { executionId: id } = request.step;
      await node.start(request, signal());
      const live = [0, 0, 1].map(async (after) => textOf(node.follow(id, after, after === 0, signal())));
      assert.deepEqual(await Promise.all(live), ['slept\n', 'slept\n', '']);
      assert.equal(await textOf(node.follow(id, 0, false, signal())), 'slept\n');
    });

    test('a cancel ends it, and the first requester is reported', async () => {
      await using made = await make();
      const { node } = made;
      const request = job(CODES.forever);
      const { executionId: id } = request.step;
      await node.start(request, signal());
      await untilBegun(node, request);
      await node.acknowledge(id, signal());
      assert.equal((await node.executions(signal()))[0]?.state, 'running', 'only an end can be acknowledged');
      const waiting = new AbortController();
      const waits = node.outcome(id, waiting.signal);
      waiting.abort(new Error('the caller has left'));
      await assert.rejects(waits, /the caller has left/);
      await node.cancel(id, END, signal());
      await node.cancel(id, { reason: 'shutdown', by: 'another' }, signal());
      const { outcome, endedBy } = await node.outcome(id, signal());
      assert.deepEqual([outcome.status, outcome.reason, endedBy], ['cancelled', 'cancelled', END.by]);
      await node.cancel(newExecutionId(), END, signal());
    });

    test('the steps of a sandbox run one at a time, and the deadline of each counts from its turn', async () => {
      await using made = await make();
      const { node } = made;
      const { id } = await sandboxOf(node);
      // Starts its kernel, so that the start does not count against the steps.
      const first = inSandbox(id, CODES.prints);
      await node.start(first, signal());
      await node.outcome(first.step.executionId, signal());
      const steps = [1, 2, 3].map(() => inSandbox(id, CODES.sleeps, 1_500));
      for (const step of steps) await node.start(step, signal());
      assert.equal((await node.sandbox(id, signal()))?.uses, 3);
      for (const { step } of steps) {
        assert.equal((await node.outcome(step.executionId, signal())).outcome.status, 'succeeded');
      }
      assert.equal((await node.sandbox(id, signal()))?.uses, 0);
    });

    test('a sandbox is created once per id, and is paused only while idle', async () => {
      await using made = await make();
      const { node } = made;
      const { id, request } = await sandboxOf(node);
      await node.createSandbox(request, LEASE_MS, signal());
      assert.deepEqual(
        (await node.sandboxes(signal())).map((one) => [one.id, one.tenantId, one.state]),
        [[id, request.tenantId, 'running']],
      );
      const step = inSandbox(id, CODES.forever);
      await node.start(step, signal());
      await untilBegun(node, step);
      const isConflict = (error: unknown) => isCaissonError(error, 'sandbox_state_conflict');
      await assert.rejects(node.pauseSandbox(id, signal()), isConflict);
      await node.cancel(step.step.executionId, END, signal());
      await node.outcome(step.step.executionId, signal());
      await node.pauseSandbox(id, signal());
      await node.pauseSandbox(id, signal());
      assert.equal((await node.sandbox(id, signal()))?.state, 'paused');
      await assert.rejects(node.start(inSandbox(id, CODES.prints), signal()), isConflict);
      await assert.rejects(node.files(id).stat('' as never, signal()), isConflict);
      await node.resumeSandbox(id, signal());
      await node.resumeSandbox(id, signal());
      const next = inSandbox(id, CODES.prints);
      await node.start(next, signal());
      assert.equal((await node.outcome(next.step.executionId, signal())).outcome.status, 'succeeded');
    });

    test('destroying a sandbox ends its executions, and can be repeated', async () => {
      await using made = await make();
      const { node } = made;
      const { id } = await sandboxOf(node);
      const steps = [inSandbox(id, CODES.forever), inSandbox(id, CODES.prints)] as const;
      for (const step of steps) await node.start(step, signal());
      await untilBegun(node, steps[0]);
      const end = { reason: 'session_terminated', by: 'key_of_somebody' } as const;
      await Promise.all([node.destroySandbox(id, end, signal()), node.destroySandbox(id, end, signal())]);
      for (const { step } of steps) {
        const { outcome, endedBy } = await node.outcome(step.executionId, signal());
        assert.deepEqual(
          [outcome.status, outcome.reason, endedBy],
          ['cancelled', 'session_terminated', end.by],
        );
      }
      assert.deepEqual(await node.sandboxes(signal()), []);
      assert.equal(await node.sandbox(id, signal()), undefined);
      await node.destroySandbox(id, end, signal());
      const isLost = (error: unknown) => isCaissonError(error, 'sandbox_lost');
      await assert.rejects(node.start(inSandbox(id, CODES.prints), signal()), isLost);
      await assert.rejects(node.pauseSandbox(id, signal()), isLost);
      await assert.rejects(node.files(id).stat('' as never, signal()), isLost);
    });

    test('a sandbox whose lease expires ends and is reported as lost', async () => {
      await using made = await make();
      const { node } = made;
      const stop = new AbortController();
      const lost: SandboxId[] = [];
      const following = (async () => {
        for await (const ids of node.lostSandboxes(stop.signal)) lost.push(...ids);
      })();
      const kept = await sandboxOf(node, 200);
      const left = await sandboxOf(node, 200);
      await node.renewLeases([kept.id, newSandboxId()], LEASE_MS, signal());
      assert.ok(((await node.sandbox(kept.id, signal()))?.leaseMs ?? 0) > 1_000);
      const deadline = Date.now() + 20_000;
      while (lost.length === 0 && Date.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 50));
      assert.deepEqual(lost, [left.id]);
      assert.deepEqual(
        (await node.sandboxes(signal())).map(({ id }) => id),
        [kept.id],
      );
      stop.abort();
      await following;
    });
  });
}

async function sandboxOf(
  node: DataPlane,
  leaseMs = LEASE_MS,
): Promise<{ id: SandboxId; request: SandboxRequest }> {
  const request = sandboxRequest();
  await node.createSandbox(request, leaseMs, signal());
  return { id: request.id, request };
}
