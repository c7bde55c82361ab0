import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { OutputEvent } from '@caisson/protocol/ports';
import { LoopShare } from '../reading/loop-share.ts';
import { StepValues } from '../step/step-values.ts';
import { KernelProcess } from './kernel-process.ts';
import { EXIT, ScriptedKernel } from './scripted-kernel.testing.ts';

const nothing = (): void => undefined;

function runStep() {
  const script = new ScriptedKernel();
  const kernel = new KernelProcess(script, new LoopShare({ nowMs: () => 0 }).account());
  const events: OutputEvent[] = [];
  const values = new StepValues(1024, (event) => {
    events.push(event);
    return undefined;
  });
  script.control.send('{"type":"ready"}\n');
  return { script, kernel, events, ended: kernel.step('a step\n', values) };
}

test('a result that is read only after the process has ended still counts', async () => {
  const { script, kernel, events, ended } = runStep();
  script.control.send('+1');
  script.exit();
  await nextTurn();
  assert.ok(kernel.alive, 'there may be more to read');
  script.control.send('2\n');
  script.control.end();
  assert.deepEqual(await ended, { type: 'exited', exit: EXIT });
  assert.deepEqual(events, [{ type: 'result', bundle: '12' }]);
  assert.equal(kernel.alive, false);
});

test('an exit is reported, whichever of the process and its channel ends first', async () => {
  const first = runStep();
  first.script.control.end();
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
