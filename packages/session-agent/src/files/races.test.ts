import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { CaissonError } from '@caisson/protocol/api';
import { at, AT_ONCE, makeWorkspace, openDescriptors, runBeside } from './workspace.testing.ts';

const ITERATIONS = 300;

/** What a hostile process does: `victim` is a directory at one moment and a link to the outside at the next. */
const SWAP = `
const [root, outside] = process.argv.slice(1);
process.chdir(root);
process.stdout.write('ready');
const quietly = (action) => { try { action(); } catch {} };
for (;;) {
  quietly(() => fs.mkdirSync('real/deep', { recursive: true }));
  quietly(() => fs.writeFileSync('real/file', 'inside'));
  quietly(() => fs.writeFileSync('real/deep/file', 'inside'));
  quietly(() => fs.renameSync('real', 'victim'));
  quietly(() => fs.renameSync('victim', 'parked'));
  quietly(() => fs.symlinkSync(outside, 'victim'));
  quietly(() => fs.unlinkSync('victim'));
  quietly(() => fs.renameSync('parked', 'victim'));
  quietly(() => fs.renameSync('victim/deep', 'victim/moved'));
  quietly(() => fs.symlinkSync(outside, 'victim/deep'));
  quietly(() => fs.unlinkSync('victim/deep'));
  quietly(() => fs.renameSync('victim/moved', 'victim/deep'));
  quietly(() => fs.renameSync('victim', 'real'));
}`;

test('a process that swaps directories for links leads nothing out of the workspace', async () => {
  using workspace = makeWorkspace();
  const { files, root, outside } = workspace;
  mkdirSync(join(outside, 'deep'));
  writeFileSync(join(outside, 'file'), 'secret');
  writeFileSync(join(outside, 'only-outside'), '');
  writeFileSync(join(outside, 'deep/file'), 'secret');
  const untouched = lstatSync(join(outside, 'file')).mtimeMs;
  const before = openDescriptors();
  const done = { list: 0, read: 0, write: 0, delete: 0 };
  await using stack = new AsyncDisposableStack();
  stack.use(await runBeside(SWAP, [root, outside]));
  const operations: Record<keyof typeof done, (path: string) => Promise<unknown>> = {
    list: async (path) => {
      const entries = await files.list(at(path), { after: '', limit: 10 }, AT_ONCE);
      assert.ok(!entries.some(({ name }) => name === 'only-outside'));
    },
    read: async (path) => {
      const { body } = await files.read(at(`${path}/file`), AT_ONCE);
      assert.notEqual((await buffer(body)).toString(), 'secret');
    },
    write: async (path) => files.write(at(`${path}/written`), Readable.from(['written']), AT_ONCE),
    delete: async (path) => files.delete(at(path), AT_ONCE),
  };
  for (let index = 0; index < ITERATIONS; index++) {
    for (const [name, operation] of Object.entries(operations)) {
      const path = index % 2 === 0 ? 'victim' : 'victim/deep';
      try {
        await operation(path);
        done[name as keyof typeof done]++;
      } catch (error) {
        if (error instanceof CaissonError) continue;
        if (name === 'read' && error instanceof Error && error.message.includes('cut short')) continue;
        throw error;
      }
    }
  }
  await stack.disposeAsync();

  assert.deepEqual(readdirSync(outside).sort(), ['deep', 'file', 'only-outside']);
  assert.deepEqual(readdirSync(join(outside, 'deep')), ['file']);
  assert.equal(readFileSync(join(outside, 'file'), 'utf8'), 'secret');
  assert.equal(readFileSync(join(outside, 'deep/file'), 'utf8'), 'secret');
  assert.equal(lstatSync(join(outside, 'file')).mtimeMs, untouched);
  assert.equal(openDescriptors(), before);
  // A race in which nothing ever succeeded would have proved nothing.
  for (const [name, count] of Object.entries(done)) assert.ok(count > 0, `no ${name} ever succeeded`);
});
