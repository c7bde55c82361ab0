import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterruptSignal } from './context.ts';
import { watchForInterrupts } from './interrupts.ts';

class Left extends Error {}

function start() {
  const clock = { nowMs: 0 };
  let send: (signal: InterruptSignal) => void = () => assert.fail('nobody watches');
  const context = {
    watchInterrupts: (onInterrupt: typeof send) => {
      send = onInterrupt;
      return { [Symbol.dispose]: () => undefined };
    },
    exit: (code: number): never => {
      throw new Left(String(code));
    },
  };
  const interrupts = watchForInterrupts(context, () => clock.nowMs);
  return {
    clock,
    interrupts,
    send: (signal: InterruptSignal) => {
      send(signal);
    },
  };
}

test('the first interrupt asks for an orderly end, and its echo for nothing more', () => {
  const { clock, interrupts, send } = start();
  send('SIGTERM');
  assert.ok(interrupts.signal.aborted);
  assert.equal(interrupts.received, 'SIGTERM');
  clock.nowMs = 400;
  send('SIGTERM');
  assert.equal(interrupts.received, 'SIGTERM');
});

test('a later one ends the process at once, with the exit code of its signal', () => {
  const { clock, send } = start();
  send('SIGTERM');
  clock.nowMs = 600;
  assert.throws(() => {
    send('SIGINT');
  }, new Left('130'));
});
