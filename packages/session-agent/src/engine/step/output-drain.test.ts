import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { KernelProcess } from '../kernel/kernel-process.ts';
import { ScriptedKernel } from '../kernel/scripted-kernel.testing.ts';
import { LoopShare } from '../reading/loop-share.ts';
import { drainOutput } from './output-drain.ts';
import { StepEvents } from './step-events.ts';
import { StepStop } from './step-stop.ts';

/** Longer than any wait for missing output. */
const LONG_MS = 600;

/** A step that has ended but for its output, of which `first` was read and took `readMs`. */
function drain(readMs: number, { alive }: { alive: boolean }) {
  const clock = { now: 0, nowMs: () => clock.now };
  const script = new ScriptedKernel();
  const kernel = new KernelProcess(script, new LoopShare(clock).account());
  const stop = new StepStop(60_000, new AbortController().signal);
  const events = new StepEvents(
    () => undefined,
    () => undefined,
  );
  let text = '';
  const drained = kernel.stdout.begin(Buffer.from('END'), (bytes) => {
    text += bytes.toString();
    clock.now += readMs;
    return undefined;
  });
  script.stdout.send('first ');
  let done = false as boolean;
  const ended = drainOutput(kernel, drained, { stop, events, alive }).then(() => (done = true));
  return { clock, script, stop, ended, text: () => text, isDone: () => done };
}

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
}

for (const alive of [true, false]) {
  test(`output that is read late for the sandbox's share is not missing, with the kernel ${alive ? 'alive' : 'dead'}`, async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const step = drain(1000, { alive });
      using stop = step.stop;
      stop satisfies Disposable;
      step.script.stdout.send('second END');
      for (let wait = 0; wait < 5; wait += 1) await pass(LONG_MS);
      assert.deepEqual([step.isDone(), step.text()], [false, 'first ']);
      // So long that the share is not exceeded any more.
      step.clock.now += 3_600_000;
      await pass(LONG_MS);
      await step.ended;
      assert.equal(step.text(), 'first second ');
    } finally {
      mock.timers.reset();
    }
  });
}

test('output that does not come is waited for half a second, and a stop ends every wait', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const silent = drain(0, { alive: true });
    await pass(400);
    assert.equal(silent.isDone(), false);
    await pass(200);
    await silent.ended;
    silent.stop[Symbol.dispose]();

    const delayed = drain(1000, { alive: true });
    await pass(LONG_MS);
    assert.equal(delayed.isDone(), false);
    delayed.stop.end('timeout');
    await delayed.ended;
  } finally {
    mock.timers.reset();
  }
});
