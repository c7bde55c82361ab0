import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteSource } from '@caisson/protocol/ports';
import { LoopShare } from './loop-share.ts';
import { guardedSource, ReadGuard } from './read-guard.ts';

class FakeSource implements ByteSource {
  flowing = true;
  give: (bytes: Buffer) => void = () => undefined;
  end: () => void = () => undefined;

  read(take: (bytes: Buffer) => void, end: () => void): void {
    this.give = take;
    this.end = end;
  }

  pause(): void {
    this.flowing = false;
  }

  resume(): void {
    this.flowing = true;
  }

  close(): void {
    this.flowing = false;
  }
}

/** A source whose every read takes as long as the test says, by a clock of its own. */
function start() {
  const clock = { at: 0, nowMs: () => clock.at };
  const errors: unknown[] = [];
  const share = new LoopShare(clock, { onBroken: (error) => errors.push(error) });
  const open = (read: (bytes: Buffer) => void) => {
    const source = new FakeSource();
    let broken = 0;
    const guard = new ReadGuard(share.account(), () => {
      broken += 1;
    });
    const guarded = guardedSource(source, guard);
    guarded.read(read, () => {
      throw new Error('at the end');
    });
    return { source, guarded, broken: () => broken };
  };
  return { clock, share, errors, open };
}

test('what its reader throws ends at the guard, and is counted', () => {
  const { open, errors, share } = start();
  const { source, broken } = open(() => {
    throw new TypeError('while it was read');
  });
  source.give(Buffer.alloc(1));
  source.end();
  assert.deepEqual([broken(), errors.length, share.counters.broken], [2, 2, 2]);
});

test('a source over its share is paused until it has earned what it took', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { clock, open, share } = start();
  const { source, guarded } = open(() => {
    clock.at += 50;
  });
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) {
      clock.at += 10;
      context.mock.timers.tick(10);
    }
  };
  source.give(Buffer.alloc(1));
  assert.equal(source.flowing, false);
  // 10 ms may be used at once; what is beyond is earned at the rate of one alone.
  pass(200);
  assert.equal(source.flowing, false);
  guarded.resume();
  assert.equal(source.flowing, false);
  pass(400);
  assert.equal(source.flowing, true);
  assert.ok(share.counters.delayedMs >= 60);
});

test('the share of each shrinks with the number of those over it, and comes back', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { clock, open, share } = start();
  const rateOfTwo = share.rate;
  const all = Array.from({ length: 20 }, () =>
    open(() => {
      clock.at += 1000;
    }),
  );
  for (const { source } of all) source.give(Buffer.alloc(1));
  assert.ok(all.every(({ source }) => !source.flowing));
  assert.equal(share.rate, rateOfTwo / 10);
  for (let at = 0; at < 300_000; at += 100) {
    clock.at += 100;
    context.mock.timers.tick(100);
  }
  assert.ok(all.every(({ source }) => source.flowing));
  assert.equal(share.rate, rateOfTwo);
});

test('a reader that holds its source gets nothing, whatever its share', () => {
  const { open } = start();
  const { source, guarded } = open(() => undefined);
  guarded.pause();
  assert.equal(source.flowing, false);
  guarded.resume();
  assert.equal(source.flowing, true);
});
