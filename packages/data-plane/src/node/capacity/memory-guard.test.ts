import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { MemoryGuard } from './memory-guard.ts';

const MIB = 2 ** 20;

/** A machine that allows its sandboxes 1000 MiB in total and keeps 200 MiB in reserve. */
class Machine implements Disposable {
  readonly guard: MemoryGuard;
  readonly ended: string[] = [];
  usedMib = 0;
  cachedMib = 0;
  availableMib = 10_000;
  nowMs = 0;
  ticks = 0;

  constructor() {
    this.guard = new MemoryGuard({
      cgroup: {
        memoryBytes: () => this.usedMib * MIB,
        heldMemoryBytes: () => (this.usedMib - this.cachedMib) * MIB,
      },
      limitBytes: 1000 * MIB,
      reserveBytes: 200 * MIB,
      availableBytes: () => this.availableMib * MIB,
      nowMs: () => this.nowMs,
      logger: pino({ level: 'silent' }),
      onTick: () => (this.ticks += 1),
    });
  }

  hold(id: string, mib: number): Disposable {
    return this.guard.watch({
      id,
      heldBytes: () => mib * MIB,
      end: () => {
        this.ended.push(id);
      },
    });
  }

  [Symbol.dispose](): void {
    this.guard[Symbol.dispose]();
  }
}

test('near the limit the largest are ended, and only as many as needed', () => {
  using machine = new Machine();
  for (const [id, mib] of [
    ['small', 50],
    ['largest', 500],
    ['large', 300],
  ] as const)
    machine.hold(id, mib);
  machine.usedMib = 900;
  machine.guard.tick();
  assert.deepEqual(machine.ended, []);
  machine.usedMib = 950;
  machine.guard.tick();
  assert.deepEqual(machine.ended, ['largest']);
});

test('memory that is being freed is waited for, but not forever', () => {
  using machine = new Machine();
  const largest = machine.hold('largest', 500);
  machine.hold('large', 300);
  machine.usedMib = 950;
  machine.guard.tick();
  machine.nowMs += 2_000;
  machine.guard.tick();
  assert.deepEqual(machine.ended, ['largest']);
  machine.nowMs += 2_000;
  machine.guard.tick();
  assert.deepEqual(machine.ended, ['largest', 'large'], 'its end takes too long');
  largest[Symbol.dispose]();
});

test('if ending one was not enough, the next is ended as soon as it is gone', () => {
  using machine = new Machine();
  const largest = machine.hold('largest', 500);
  machine.hold('large', 300);
  machine.usedMib = 950;
  machine.guard.tick();
  largest[Symbol.dispose]();
  machine.guard.tick();
  assert.deepEqual(machine.ended, ['largest', 'large']);
});

test('file caches are no reason to end anything', () => {
  using machine = new Machine();
  machine.hold('one', 500);
  [machine.usedMib, machine.cachedMib] = [1000, 600];
  machine.guard.tick();
  assert.deepEqual([machine.ended, machine.guard.heldBytes], [[], 400 * MIB]);
});

test('when the machine itself runs short, the largest is ended, even if it holds only uploaded files', () => {
  using machine = new Machine();
  machine.hold('small', 10);
  machine.hold('large', 300);
  let emptied = 0;
  machine.guard.onPressure(() => (emptied += 1));
  [machine.usedMib, machine.availableMib] = [50, 120];
  machine.guard.tick();
  assert.deepEqual([machine.ended, emptied], [[], 0]);
  machine.availableMib = 90;
  machine.guard.tick();
  assert.deepEqual([machine.ended, emptied], [['large'], 1]);
});

test('small sandboxes survive when other programs fill the memory of the machine', () => {
  using machine = new Machine();
  machine.hold('small', 10);
  [machine.usedMib, machine.availableMib] = [10, 0];
  machine.guard.tick();
  assert.deepEqual(machine.ended, []);
});

test('between two measurements, only as much starts as there is memory for', () => {
  using machine = new Machine();
  machine.availableMib = 200 + 3 * 32;
  machine.guard.tick();
  let begun = 0;
  while (machine.guard.hasRoomToStart()) {
    machine.guard.noteStart('sandbox');
    begun += 1;
  }
  assert.equal(begun, 3);
  machine.guard.tick();
  assert.deepEqual([machine.guard.hasRoomToStart(), machine.ticks], [true, 2]);
});
