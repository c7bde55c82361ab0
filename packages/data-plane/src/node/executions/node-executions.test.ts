import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCaissonError, newExecutionId, newSandboxId, newTenantId } from '@caisson/protocol/api';
import { jsonTextOf, NOT_RUN } from '@caisson/protocol/ports';
import type { EventSink, ExecutionRequest, StepOutcome } from '@caisson/protocol/ports';
import { pino } from 'pino';
import type { TestContext } from 'node:test';
import { KEPT_BOUNDS, NodeExecutions } from './node-executions.ts';
import type { KeptBounds } from './node-executions.ts';

const signal = new AbortController().signal;
const SUCCEEDED: StepOutcome = {
  ...NOT_RUN,
  status: 'succeeded',
  reason: null,
  exitCode: 0,
  returnValue: jsonTextOf('returned'),
};

/** A node whose jobs print `text` and end. */
function start(context: TestContext, text: string, bounds: Partial<KeptBounds> = {}) {
  context.mock.timers.enable({ apis: ['setInterval'] });
  const directory = mkdtempSync(join(tmpdir(), 'caisson-test-'));
  const clock = { nowMs: 0 };
  const executions = new NodeExecutions({
    plane: {
      runJob: async (_request, _step, events: EventSink) => {
        await events({ type: 'stdout', text });
        return { outcome: SUCCEEDED, placement: { runtime: 'crun', isolation: 'container', scope: 'cell' } };
      },
    },
    sandboxes: {
      runStep: () => {
        throw new TypeError('there are none');
      },
    },
    spillDirectory: directory,
    graceMs: 1000,
    bounds: { ...KEPT_BOUNDS, ...bounds },
    logger: pino({ level: 'silent' }),
    nowMs: () => clock.nowMs,
  });
  const run = async () => {
    const request = job();
    await executions.start(request, signal);
    await executions.outcome(request.step.executionId, signal);
    return request.step.executionId;
  };
  return {
    executions,
    clock,
    directory,
    run,
    tick: () => {
      context.mock.timers.tick(1000);
    },
    [Symbol.asyncDispose]: async () => {
      await executions[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
}

function job(): ExecutionRequest {
  const resources = { cpuMillicores: 1, memoryBytes: 1, diskBytes: 1, pids: 1 };
  const tenantId = newTenantId();
  return {
    tenantId,
    streamed: false,
    step: {
      executionId: newExecutionId(),
      sessionId: null,
      language: 'python',
      code: '',
      timeoutMs: 1000,
      env: {},
      stdin: null,
      event: jsonTextOf({}),
      outputLimitBytes: 2 ** 20,
    },
    target: {
      type: 'fresh',
      sandbox: {
        id: newSandboxId(),
        tenantId,
        templateId: 'python',
        isolation: 'container',
        resources,
        env: {},
        isolationScope: 'auto',
        quota: { kind: 'job', limit: 1 },
      },
    },
  };
}

/** How many files of this process have no name any more and were made in `directory`. */
function spilledTo(directory: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${directory}/output-`);
    } catch {
      return false;
    }
  }).length;
}

test('an unacknowledged output moves to disk and is read from there', async (context) => {
  await using node = start(context, 'x'.repeat(100_000));
  const id = await node.run();
  node.tick();
  assert.equal(spilledTo(node.directory), 0, 'it is acknowledged at once as a rule');
  node.clock.nowMs = 6_000;
  node.tick();
  await until(() => spilledTo(node.directory) === 1);
  await until(() => readdirSync(node.directory).length === 0);
  const { outcome, endedMsAgo } = await node.executions.outcome(id, signal);
  assert.deepEqual(outcome, SUCCEEDED);
  assert.equal(endedMsAgo, 6_000);
  const { events } = await node.executions.output(id, 0);
  assert.deepEqual(events, [{ type: 'stdout', text: 'x'.repeat(100_000) }]);
  const followed: unknown[] = [];
  for await (const batch of node.executions.follow(id, 0, false, signal)) followed.push(...batch.events);
  assert.deepEqual(followed, events);
  await node.executions.acknowledge(id);
  await until(() => spilledTo(node.directory) === 0);
});

test('outputs beyond the memory bound move to disk at once', async (context) => {
  await using node = start(context, 'x'.repeat(100_000), { memoryBytes: 150_000 });
  await node.run();
  await node.run();
  node.tick();
  await until(() => spilledTo(node.directory) === 1);
});

test('an outcome that is not acknowledged within an hour is dropped', async (context) => {
  await using node = start(context, 'x');
  const id = await node.run();
  node.clock.nowMs = KEPT_BOUNDS.keepMs;
  node.tick();
  await assert.rejects(node.executions.outcome(id, signal), (error) =>
    isCaissonError(error, 'execution_not_found'),
  );
});

test('too many unacknowledged outcomes stop new executions, and none is lost', async (context) => {
  await using node = start(context, 'x', { count: 2 });
  const ids = [await node.run(), await node.run()];
  await assert.rejects(node.executions.start(job(), signal), (error) =>
    isCaissonError(error, 'insufficient_capacity'),
  );
  for (const id of ids) assert.equal((await node.executions.outcome(id, signal)).outcome.status, 'succeeded');
  await node.executions.acknowledge(ids[0] ?? newExecutionId());
  await node.run();
});

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries > 5_000) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
