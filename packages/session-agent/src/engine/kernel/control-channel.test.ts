import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ByteChannel } from '../reading/byte-streams.ts';
import { ControlChannel } from './control-channel.ts';
import type { KernelFrame } from './kernel-frames.ts';
import { LoopShare } from '../reading/loop-share.ts';
import { ReadGuard } from '../reading/read-guard.ts';
import type { KernelValue } from './value-reader.ts';

const MIB = 2 ** 20;

/** A channel whose other end is the test. */
class Wire implements ByteChannel {
  paused = 0;
  closed = false;
  #take: (bytes: Buffer) => void = () => undefined;

  read(take: (bytes: Buffer) => void): void {
    this.#take = take;
  }

  /** As much as a pipe gives at once. */
  say(text: string | Buffer, pieceBytes = 65_536): void {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length && !this.closed; at += pieceBytes)
      this.#take(bytes.subarray(at, at + pieceBytes));
  }

  write(): void {
    throw new Error('nothing is written here');
  }

  pause(): void {
    this.paused += 1;
  }

  resume(): void {
    this.paused -= 1;
  }

  close(): void {
    this.closed = true;
  }
}

type Heard =
  { readonly result: KernelValue } | { readonly frame: KernelFrame; readonly value: KernelValue | undefined };

class Listener {
  expects = true;
  resultRoomBytes = 4 * MIB;
  dropped = 0;
  lost = 0;
  pending: Promise<void> | undefined;
  readonly heard: Heard[] = [];

  onResult(result: KernelValue): Promise<void> | undefined {
    this.heard.push({ result });
    return this.pending;
  }

  onFrame(frame: KernelFrame, value: KernelValue | undefined): void {
    this.heard.push({ frame, value });
  }

  onDropped(bytes: number): void {
    this.dropped += bytes;
  }

  onLost(): void {
    this.lost += 1;
  }
}

function open(listener = new Listener()) {
  const wire = new Wire();
  const errors: unknown[] = [];
  // A clock that stands still: nobody is over their share.
  const share = new LoopShare({ nowMs: () => 0 }, { onBroken: (error) => errors.push(error) });
  const guard = new ReadGuard(share.account(), () => {
    throw new Error('nobody is to be told', { cause: errors[0] });
  });
  new ControlChannel(wire, guard, listener);
  return { wire, listener, errors };
}

test('results and return values are passed on, however the bytes are cut', () => {
  const text = '+{"text/plain": "é"}\n=[1]\n{"type":"done","exit_code":0}\n{"type":"done","exit_code":1}\n';
  for (const pieceBytes of [1, 2, 3, 7, 1000]) {
    const { wire, listener } = open();
    wire.say(text, pieceBytes);
    assert.deepEqual(listener.heard, [
      { result: '{"text/plain": "é"}' },
      { frame: { type: 'done', exitCode: 0, error: null }, value: '[1]' },
      { frame: { type: 'done', exitCode: 1, error: null }, value: undefined },
    ]);
  }
});

const broken = {
  'two return values': '=1\n=2\n{"type":"done","exit_code":0}\n',
  'a value that is no JSON': '=[1,\n',
  'a value with a line break in it': '=[1,\r2]\n',
  'a value that is not UTF-8': Buffer.from([0x3d, 0x22, 0xff, 0x22, 0x0a]),
  'an empty value': '=\n',
  'an empty line': '\n',
  'a frame of more than a mebibyte': ` {"type":"done"${' '.repeat(MIB)}`,
};
for (const [what, text] of Object.entries(broken)) {
  test(`${what} ends the channel, once`, () => {
    const { wire, listener } = open();
    wire.say(text);
    wire.say('{"type":"ready"}\n');
    assert.deepEqual([listener.lost, listener.heard.length, wire.closed], [1, 0, true]);
  });
}

test('a result that there is no room for is told, not kept', () => {
  const { wire, listener } = open();
  wire.say(`+"${'x'.repeat(5 * MIB)}"\n`);
  listener.resultRoomBytes = 0;
  wire.say('+1\n');
  assert.deepEqual(listener.heard, [{ result: 'too_large' }, { result: 'too_large' }]);
});

test('a return value of more than 8 MiB, or nested too deep, is told, not kept', () => {
  const done = { type: 'done', exitCode: 0, error: null };
  for (const text of [`"${'x'.repeat(8 * MIB)}"`, '['.repeat(10 * MIB)]) {
    const { wire, listener } = open();
    wire.say(`=${text}\n{"type":"done","exit_code":0}\n`);
    assert.deepEqual(listener.heard, [{ frame: done, value: 'too_large' }]);
  }
});

test('what comes while nothing is expected is counted and dropped, to the end of its last line', () => {
  const { wire, listener } = open();
  listener.expects = false;
  wire.say(`${'x'.repeat(20 * MIB)}\n{"type":"done","exit_`);
  listener.expects = true;
  wire.say('code":3}\n{"type":"done","exit_code":4}\n');
  assert.deepEqual(listener.heard, [{ frame: { type: 'done', exitCode: 4, error: null }, value: undefined }]);
  assert.ok(listener.dropped > 20 * MIB);
});

test('nothing is read while a result is being taken, and nothing is lost', async () => {
  const { wire, listener } = open();
  const gate = Promise.withResolvers<undefined>();
  listener.pending = gate.promise as Promise<unknown> as Promise<void>;
  wire.say('+1\n+2\n{"type":"ready"}\n');
  assert.deepEqual([listener.heard.length, wire.paused], [1, 1]);
  listener.pending = undefined;
  gate.resolve(undefined);
  await new Promise(setImmediate);
  assert.equal(listener.heard.length, 3);
});

test('a byte at a time takes no more memory than the bytes', () => {
  const { wire } = open();
  wire.say(`="${'x'.repeat(4 * MIB)}`, 1);
  const before = process.memoryUsage();
  assert.ok(before.heapUsed + before.external < 400 * MIB);
});

test('300,000 frames of any sort end the channel at worst', () => {
  const noise = fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll('\n', ' '));
  const frame = fc
    .record(
      {
        type: fc.oneof(fc.constantFrom('ready', 'done'), fc.jsonValue()),
        exit_code: fc.oneof(fc.nat(255), fc.jsonValue()),
        error: fc.oneof(
          fc.record(
            {
              name: fc.oneof(fc.string(), fc.jsonValue()),
              message: fc.oneof(fc.string(), fc.jsonValue()),
              traceback: fc.oneof(fc.array(fc.oneof(fc.string(), fc.jsonValue())), fc.jsonValue()),
            },
            { requiredKeys: [] },
          ),
          fc.jsonValue(),
        ),
      },
      { requiredKeys: ['type'] },
    )
    .map((value) => JSON.stringify(value));
  const line = fc.oneof(
    { weight: 4, arbitrary: frame },
    { weight: 3, arbitrary: fc.tuple(fc.constantFrom('=', '+'), fc.json()).map((parts) => parts.join('')) },
    { weight: 2, arbitrary: noise },
    { weight: 1, arbitrary: noise.map((text) => `=${text}`) },
  );
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      (lines, cut) => {
        for (const one of lines) {
          const { wire, listener, errors } = open();
          wire.say(`${one}\n`, cut);
          assert.deepEqual(errors, []);
          assert.ok(listener.lost <= 1 && listener.heard.length <= 1);
        }
      },
    ),
    { numRuns: 30_000 },
  );
});
