import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { type ExecutionEvent, newExecutionId } from '@caisson/protocol/api';
import { followExecution } from './follow-execution.ts';
import { anExecution } from '../../../tests/support/api-values.ts';

const QUIET = { json: false, verbose: false };
const id = newExecutionId();
const never = new AbortController().signal;

function fake(events: AsyncGenerator<ExecutionEvent>) {
  const cancelled: string[] = [];
  return {
    cancelled,
    start: async () => Promise.resolve({ id, events }),
    cancel: async (cancelledId: string) => {
      cancelled.push(cancelledId);
      return Promise.resolve();
    },
  };
}

async function* eventsOf(...events: ExecutionEvent[]): AsyncGenerator<ExecutionEvent> {
  yield* events;
  await Promise.resolve();
}

function streams() {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const printed = async () => {
    stdout.end();
    stderr.end();
    return { stdout: await text(stdout), stderr: await text(stderr) };
  };
  return { stdout, stderr, printed };
}

test('output goes where the code wrote it, then comes what the handler returned', async () => {
  const execution = anExecution({ return_value: { result: 'hello' } });
  const { printed, ...out } = streams();
  const events = eventsOf(
    { type: 'stdout', text: 'out\n' },
    { type: 'stderr', text: 'err\n' },
    { type: 'truncated', stream: 'stdout' },
    { type: 'finished', execution },
  );
  assert.equal(await followExecution(out, fake(events), never, QUIET), 0);
  assert.deepEqual(await printed(), {
    stdout: 'out\n{"result":"hello"}\n',
    stderr: 'err\ncaisson: stdout exceeds its limit; the rest is dropped\n',
  });
});

test('as JSON, the whole result is printed and nothing else', async () => {
  const execution = anExecution({ status: 'failed', reason: 'exit_code', exit_code: 3, stdout: 'out\n' });
  const { printed, ...out } = streams();
  const events = eventsOf({ type: 'stdout', text: 'out\n' }, { type: 'finished', execution });
  assert.equal(await followExecution(out, fake(events), never, { json: true, verbose: true }), 3);
  const { stdout, stderr } = await printed();
  assert.deepEqual([JSON.parse(stdout), stderr], [execution, '']);
});

test('an interrupt cancels, whenever it comes, and the end is waited for', async () => {
  const cancelled = anExecution({ status: 'cancelled', reason: 'cancelled', exit_code: null });
  for (const early of [true, false]) {
    const interrupt = new AbortController();
    if (early) interrupt.abort();
    const { printed, ...out } = streams();
    const execution = fake(
      (async function* () {
        yield { type: 'stdout', text: 'begun\n' } as const;
        interrupt.abort();
        await Promise.resolve();
        yield { type: 'finished', execution: cancelled } as const;
      })(),
    );
    assert.equal(await followExecution(out, execution, interrupt.signal, QUIET), 130);
    assert.deepEqual(execution.cancelled, [id]);
    assert.deepEqual(await printed(), { stdout: 'begun\n', stderr: 'caisson: cancelled\n' });
  }
});

test('a reader that has gone ends the execution', async () => {
  const closed = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  const stdout = new Writable({
    write: (_chunk, _encoding, callback) => {
      callback(closed);
    },
  });
  stdout.on('error', () => undefined);
  const execution = fake(
    eventsOf({ type: 'stdout', text: 'x' }, { type: 'finished', execution: anExecution({}) }),
  );
  assert.equal(await followExecution({ stdout, stderr: new PassThrough() }, execution, never, QUIET), 141);
  assert.deepEqual(execution.cancelled, [id]);
});

test('a reader that is slow slows the sender', async () => {
  let taken = 0;
  const held: (() => void)[] = [];
  const stdout = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, callback) => {
      held.push(callback);
    },
  });
  async function* endless(): AsyncGenerator<ExecutionEvent> {
    for (; taken < 3; taken++) yield { type: 'stdout', text: 'x' };
    await Promise.resolve();
    yield { type: 'finished', execution: anExecution({}) };
  }
  const running = followExecution({ stdout, stderr: new PassThrough() }, fake(endless()), never, QUIET);
  for (let written = 1; written <= 3; written++) {
    while (held.length === 0) await new Promise(setImmediate);
    assert.equal(taken, written - 1);
    held.shift()?.();
  }
  assert.equal(await running, 0);
});
