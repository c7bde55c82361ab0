import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGone, parseHello } from './frames.ts';

const pipes = { stdout: { fd: 4, inode: 5 }, stderr: { fd: 6, inode: 7 }, frames: { fd: 8, inode: 9 } };
const hello = { type: 'cell', cell: 1, pid: 2, ...pipes };

test('what the server says is understood', () => {
  assert.equal(parseHello(JSON.stringify(hello)).stderr.inode, 7);
  assert.deepEqual(parseGone('{"type":"gone","cell":3,"status":9}'), { cell: 3, status: 9 });
});

for (const line of [
  '',
  'null',
  '[]',
  '{"type":"ready"}',
  JSON.stringify({ ...hello, pid: '1/../2' }),
  JSON.stringify({ ...hello, pid: -1 }),
  JSON.stringify({ ...hello, stdout: { fd: 1.5, inode: 2 } }),
  JSON.stringify({ ...hello, stdout: null }),
  JSON.stringify({ ...hello, frames: undefined }),
]) {
  test(`${line} is no hello`, () => {
    assert.throws(() => parseHello(line));
  });
}

test('an end of no cell is none', () => {
  assert.throws(() => parseGone('{"type":"gone","status":9}'));
});
