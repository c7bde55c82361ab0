import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freezeV1, thawV1 } from './freezer.ts';

const DEADLINE_MS = 60_000;

/** The `freezer.state` of a cgroup; `next` plays the kernel: what the state is after each write. */
class FakeState {
  readonly writes: string[] = [];
  state = 'THAWED';
  readonly #next: (written: string, count: number) => string;

  constructor(next: (written: string, count: number) => string) {
    this.#next = next;
  }

  read(): string | undefined {
    return this.state === 'gone' ? undefined : `${this.state}\n`;
  }

  write(value: string): boolean {
    this.writes.push(value);
    this.state = this.#next(value, this.writes.length);
    return this.state !== 'gone';
  }
}

test('a cgroup that freezes at once is written to once', async () => {
  const state = new FakeState((written) => written);
  assert.equal(await freezeV1(state, AbortSignal.timeout(DEADLINE_MS)), true);
  assert.deepEqual(state.writes, ['FROZEN']);
});

test('a cgroup that stays FREEZING is written to again', async () => {
  const state = new FakeState((written, count) => (count < 3 ? 'FREEZING' : written));
  assert.equal(await freezeV1(state, AbortSignal.timeout(DEADLINE_MS)), true);
  assert.deepEqual(state.writes, ['FROZEN', 'FROZEN', 'FROZEN']);
});

test('a process that cannot be frozen where it is gets thawed for a moment', async () => {
  let thawed = false;
  const state = new FakeState((written) => {
    if (written === 'THAWED') thawed = true;
    return written === 'FROZEN' && !thawed ? 'FREEZING' : written;
  });
  assert.equal(await freezeV1(state, AbortSignal.timeout(DEADLINE_MS)), true);
  assert.equal(state.writes.at(-1), 'FROZEN');
  assert.equal(state.writes.filter((written) => written === 'THAWED').length, 1);
});

test('a cgroup that does not freeze in time is thawed, and the reason is thrown', async () => {
  const controller = new AbortController();
  const state = new FakeState((written, count) => {
    if (count === 20) controller.abort(new Error('too late'));
    return written === 'FROZEN' ? 'FREEZING' : written;
  });
  await assert.rejects(freezeV1(state, controller.signal), /too late/);
  assert.equal(state.state, 'THAWED');
});

test('an unreadable state thaws the cgroup', async () => {
  const state = new FakeState((written) => written);
  state.read = () => {
    throw new Error('EIO');
  };
  await assert.rejects(freezeV1(state, AbortSignal.timeout(DEADLINE_MS)), /EIO/);
  assert.equal(state.writes.at(-1), 'THAWED');
});

test('a cgroup without a freezer is not frozen', async () => {
  assert.equal(await freezeV1(new FakeState(() => 'gone'), AbortSignal.timeout(DEADLINE_MS)), false);
});

test('a cgroup counts as thawed only once its state says so', async () => {
  const state = new FakeState((written, count) => (count < 3 ? 'FROZEN' : written));
  await thawV1(state, AbortSignal.timeout(DEADLINE_MS));
  assert.equal(state.state, 'THAWED');
  await assert.rejects(thawV1(new FakeState(() => 'FROZEN'), AbortSignal.timeout(5)), {
    name: 'TimeoutError',
  });
  await thawV1(new FakeState(() => 'gone'), AbortSignal.timeout(DEADLINE_MS));
});
