import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { OutputEvent, ProcessExit } from '@caisson/protocol/ports';
import type { SpawnedKernel } from '../ports/kernel-spawner.ts';
import type { ByteChannel } from '../reading/byte-streams.ts';
import { LoopShare } from '../reading/loop-share.ts';
import { StepValues } from '../step/step-values.ts';
import { KernelProcess } from './kernel-process.ts';

const EXIT: ProcessExit = { exitCode: 3, signal: null };
const nothing = (): void => undefined;

/** A kernel whose messages and end the test decides. */
class ScriptedKernel implements SpawnedKernel {
  readonly stdout = this.#silent();
  readonly stderr = this.#silent();
  readonly #exit = Promise.withResolvers<ProcessExit>();
  readonly exited = this.#exit.promise;
  send: (text: string) => void = nothing;
  closeChannel: () => void = nothing;
  readonly control: ByteChannel = {
    ...this.#silent(),
    read: (take, end) => {
      this.send = (text) => {
        take(Buffer.from(text));
      };
      this.closeChannel = end;
    },
  };

  exit(): void {
    this.#exit.resolve(EXIT);
  }

  async interrupt(): Promise<void> {
    return Promise.resolve();
  }

  async kill(): Promise<void> {
    this.exit();
    await this.exited;
  }

  #silent(): ByteChannel {
    return { read: nothing, write: nothing, pause: nothing, resume: nothing, close: nothing };
  }
}

function runStep() {
  const script = new ScriptedKernel();
  const kernel = new KernelProcess(script, new LoopShare({ nowMs: () => 0 }).account());
  const events: OutputEvent[] = [];
  const values = new StepValues(1024, (event) => {
    events.push(event);
    return undefined;
  });
  script.send('{"type":"ready"}\n');
  return { script, kernel, events, ended: kernel.step('a step\n', values) };
}

test('a result that is read only after the process has ended still counts', async () => {
  const { script, kernel, events, ended } = runStep();
  script.send('+1');
  script.exit();
  await nextTurn();
  assert.ok(kernel.alive, 'there may be more to read');
  script.send('2\n');
  script.closeChannel();
  assert.deepEqual(await ended, { type: 'exited', exit: EXIT });
  assert.deepEqual(events, [{ type: 'result', bundle: '12' }]);
  assert.equal(kernel.alive, false);
});

test('an exit is reported, whichever of the process and its channel ends first', async () => {
  const first = runStep();
  first.script.closeChannel();
  await nextTurn();
  assert.ok(first.kernel.alive);
  first.script.exit();
  assert.deepEqual(await first.ended, { type: 'exited', exit: EXIT });

  const killed = runStep();
  killed.script.exit();
  await nextTurn();
  await killed.kernel.kill();
  assert.deepEqual(await killed.ended, { type: 'exited', exit: EXIT });
});

test('a channel that another process holds open delays the end of the step by half a second', async () => {
  const { script, ended } = runStep();
  script.exit();
  // Nothing else keeps this process alive.
  const alive = setInterval(nothing, 1000);
  assert.deepEqual(await ended, { type: 'exited', exit: EXIT });
  clearInterval(alive);
});
