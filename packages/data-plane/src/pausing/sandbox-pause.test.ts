import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SandboxPause } from './sandbox-pause.ts';
import type { Freezable } from './sandbox-pause.ts';

const signal = new AbortController().signal;

/** A sandbox of two processes; one that was killed ends when it is thawed and someone looks. */
class FakeSandbox implements Freezable {
  readonly log: string[] = [];
  readonly killed = new Set<number>();
  alive = [10, 20];
  frozen = false;
  refuses: 'freeze' | 'thaw' | undefined;

  async freeze(): Promise<void> {
    this.#change('freeze');
    return Promise.resolve();
  }

  async thaw(): Promise<void> {
    this.#change('thaw');
    return Promise.resolve();
  }

  processes(): number[] {
    const before = this.alive;
    if (!this.frozen) this.alive = before.filter((pid) => !this.killed.has(pid));
    return before;
  }

  #change(action: 'freeze' | 'thaw'): void {
    if (this.refuses === action) throw new Error(`it does not ${action}`);
    this.log.push(action);
    this.frozen = action === 'freeze';
  }
}

test('what cannot be paused, or resumed, is an error of the catalogue, and can be tried again', async () => {
  const sandbox = new FakeSandbox();
  const pause = new SandboxPause(sandbox);
  sandbox.refuses = 'freeze';
  await assert.rejects(pause.pause(signal), { code: 'pause_failed' });
  assert.equal(sandbox.frozen, false);
  sandbox.refuses = undefined;
  await pause.pause(signal);
  assert.equal(sandbox.frozen, true);
  sandbox.refuses = 'thaw';
  await assert.rejects(pause.resume(signal), { code: 'resume_failed' });
  assert.equal(sandbox.frozen, true);
  sandbox.refuses = undefined;
  await pause.resume(signal);
  assert.equal(sandbox.frozen, false);
});

test('a kill in a running sandbox freezes it for a moment', async () => {
  const sandbox = new FakeSandbox();
  let wasFrozen = false;
  await new SandboxPause(sandbox).whileFrozen(() => {
    wasFrozen = sandbox.frozen;
    return [];
  }, signal);
  assert.deepEqual([wasFrozen, sandbox.log], [true, ['freeze', 'thaw']]);
});

test('a kill in a paused sandbox leaves it paused, once those that were killed have ended', async () => {
  const sandbox = new FakeSandbox();
  const pause = new SandboxPause(sandbox);
  await Promise.all([
    pause.pause(signal),
    pause.whileFrozen(() => {
      sandbox.killed.add(20);
      return [20];
    }, signal),
  ]);
  assert.deepEqual([sandbox.frozen, sandbox.alive], [true, [10]]);
  await pause.resume(signal);
  assert.equal(sandbox.frozen, false);
});

test('a sandbox is thawed where the strike fails', async () => {
  const sandbox = new FakeSandbox();
  const strike = () => {
    throw new Error('struck');
  };
  await assert.rejects(new SandboxPause(sandbox).whileFrozen(strike, signal), /struck/);
  assert.equal(sandbox.frozen, false);
});
