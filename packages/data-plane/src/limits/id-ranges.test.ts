import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { IdRanges } from './id-ranges.ts';

const scratch = () => {
  const directory = mkdtempSync(join(tmpdir(), 'id-ranges-'));
  return {
    directory,
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true });
    },
  };
};

test('two servers on one host never take the same range', () => {
  using ids = scratch();
  const first = new IdRanges(ids.directory, 'first', 0);
  const second = new IdRanges(ids.directory, 'second', 0);
  const taken = [first.take(), second.take(), first.take(), second.take()].map((range) => range.firstHostId);
  assert.equal(new Set(taken).size, 4);
});

test('a released range is not the next one to be taken', () => {
  using ids = scratch();
  const ranges = new IdRanges(ids.directory, 'owner', 7);
  const range = ranges.take();
  range[Symbol.dispose]();
  range[Symbol.dispose]();
  assert.notEqual(ranges.take().firstHostId, range.firstHostId);
});

test("a dead server's ranges are released, and no others", () => {
  using ids = scratch();
  new IdRanges(ids.directory, 'dead', 0).take();
  const alive = new IdRanges(ids.directory, 'alive', 0);
  alive.take();
  alive.releaseAll('dead');
  assert.equal(readdirSync(ids.directory).length, 1);
});
