import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCpu, parseMemory, parseStall, readHostLoad } from '../demand/host-load.ts';
import { hasRoomForOneMore, isMemoryScarce } from './memory-bounds.ts';

const GIB = 2 ** 30;

const scarcity: readonly [string, boolean, number | undefined, number, boolean][] = [
  ['some waiting', false, 9.9, 1, false],
  ['much waiting', false, 10, 2.4, true],
  ['much waiting, but a quarter of the memory,', false, 90, 2.5, false],
  ['less waiting than before', true, 1.1, 2.9, true],
  ['no more waiting', true, 1, 1, false],
  ['much waiting, but memory again,', true, 90, 3, false],
  ['little memory, but no waiting', false, 0, 0.1, false],
  ['no word on waiting and much memory', false, undefined, 8, false],
  ['no word on waiting and little memory', false, undefined, 0.7, true],
  ['no word on waiting and a little more memory', true, undefined, 1, true],
  ['no word on waiting and enough memory', true, undefined, 1.6, false],
];
for (const [name, before, memoryStallPercent, availableGib, scarce] of scarcity) {
  test(`${name}: memory ${before ? 'that was scarce ' : ''}is ${scarce ? '' : 'not '}scarce`, () => {
    const load = { memoryStallPercent, availableBytes: availableGib * GIB, totalBytes: 10 * GIB };
    assert.equal(isMemoryScarce(before, load), scarce);
  });
}

test('ready ones hold a tenth of the memory at most', () => {
  assert.equal(hasRoomForOneMore({ availableBytes: GIB }, { heldBytes: 0, filling: 0 }), true);
  assert.equal(hasRoomForOneMore({ availableBytes: GIB }, { heldBytes: 0, filling: 2 }), false);
  assert.equal(hasRoomForOneMore({ availableBytes: GIB }, { heldBytes: 80 * 2 ** 20, filling: 0 }), false);
});

test('the files of the kernel are understood', () => {
  assert.deepEqual(parseMemory('MemTotal:       24684084 kB\nMemFree: 1 kB\nMemAvailable:   23943064 kB\n'), {
    totalBytes: 24684084 * 1024,
    availableBytes: 23943064 * 1024,
  });
  assert.deepEqual(parseCpu('cpu  10 20 30 400 50 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n'), {
    cpuTicks: 531,
    idleTicks: 450,
  });
  assert.equal(parseStall('some avg10=1.53 avg60=0.87 avg300=0.29 total=20\nfull avg10=9.00'), 1.53);
  assert.equal(parseStall(undefined), undefined);
  const load = readHostLoad();
  assert.ok(
    load.availableBytes > 0 && load.availableBytes <= load.totalBytes && load.idleTicks <= load.cpuTicks,
  );
});
