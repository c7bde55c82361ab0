import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { at, AT_ONCE, makeWorkspace, openDescriptors, run, SANDBOX_USER } from './workspace.testing.ts';

test("a file is written with the directories above it, all of them the sandbox user's", async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  const bytes = randomBytes(3 * 2 ** 20);
  const { entry, replaced } = await files.write(
    at('a/b/data.bin'),
    Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]),
    AT_ONCE,
  );
  assert.ok(readFileSync(join(root, 'a/b/data.bin')).equals(bytes));
  assert.deepEqual(
    [entry.path, entry.type, entry.sizeBytes, entry.mode],
    ['a/b/data.bin', 'file', bytes.length, 0o644],
  );
  assert.equal(replaced, false);
  for (const [path, mode] of [
    ['a', 0o40755],
    ['a/b', 0o40755],
    ['a/b/data.bin', 0o100644],
  ] as const) {
    const stats = lstatSync(join(root, path));
    assert.deepEqual({ uid: stats.uid, gid: stats.gid, mode: stats.mode }, { ...SANDBOX_USER, mode }, path);
  }
  assert.deepEqual(readdirSync(join(root, 'a/b')), ['data.bin']);
});

test('a link or pipe in the place of the file is replaced, not followed', async () => {
  using workspace = makeWorkspace();
  const { files, root, outside } = workspace;
  writeFileSync(join(outside, 'secret'), 'untouched');
  symlinkSync(join(outside, 'secret'), join(root, 'link'));
  run('mkfifo', [join(root, 'pipe')]);
  for (const name of ['link', 'pipe']) {
    assert.equal((await files.write(at(name), Readable.from(['new']), AT_ONCE)).replaced, true);
    assert.ok(lstatSync(join(root, name)).isFile());
    assert.equal(readFileSync(join(root, name), 'utf8'), 'new');
  }
  assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'untouched');
});

test('of many writers of one new name, exactly one is told that it was new', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  for (let round = 0; round < 20; round++) {
    const name = `file-${round}`;
    const texts = Array.from({ length: 16 }, (_, writer) => `${round} ${writer}`);
    const writes = texts.map(async (text) => files.write(at(name), Readable.from([text]), AT_ONCE));
    const written = await Promise.all(writes);
    assert.equal(written.filter(({ replaced }) => !replaced).length, 1, name);
    assert.ok(texts.includes(readFileSync(join(root, name), 'utf8')));
    assert.equal(lstatSync(join(root, name)).nlink, 1);
  }
  assert.equal(readdirSync(root).length, 20, 'no hidden file is left');
});

test('a directory is not overwritten, nor is a file a directory', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  mkdirSync(join(root, 'directory'));
  writeFileSync(join(root, 'file'), '');
  for (const path of ['directory', '']) {
    await assert.rejects(files.write(at(path), Readable.from(['x']), AT_ONCE), { code: 'is_a_directory' });
  }
  await assert.rejects(files.write(at('file/child'), Readable.from(['x']), AT_ONCE), {
    code: 'not_a_directory',
  });
});

test('a full workspace is told, keeps the old file and no part of the new one', async () => {
  using workspace = makeWorkspace({ sizeBytes: 2 ** 20 });
  const { files, root } = workspace;
  writeFileSync(join(root, 'file'), 'old');
  const before = openDescriptors();
  const large = Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(64 * 1024)));
  await assert.rejects(files.write(at('file'), large, AT_ONCE), { code: 'workspace_full' });
  assert.deepEqual(readdirSync(root), ['file']);
  assert.equal(readFileSync(join(root, 'file'), 'utf8'), 'old');
  assert.equal(openDescriptors(), before);
  await files.write(at('file'), Readable.from(['new']), AT_ONCE);
});

test('a body that fails or is aborted leaves nothing behind', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  const before = openDescriptors();
  const failing = new PassThrough();
  failing.write('half');
  const failed = files.write(at('file'), failing, AT_ONCE);
  await entryIn(root);
  failing.destroy(new Error('the caller went away'));
  await assert.rejects(failed, /went away/);

  const abort = new AbortController();
  const stalled = new PassThrough();
  stalled.write('half');
  const aborted = files.write(at('file'), stalled, abort.signal);
  await entryIn(root);
  abort.abort();
  await assert.rejects(aborted, { name: 'AbortError' });

  const early = new PassThrough();
  const failedEarly = files.write(at('file'), early, AT_ONCE);
  early.destroy(new Error('the caller went away'));
  await assert.rejects(failedEarly);
  assert.deepEqual(readdirSync(root), []);
  assert.equal(openDescriptors(), before);
});

test('a write takes no more from its source than it has written', async () => {
  using workspace = makeWorkspace({ sizeBytes: 2 ** 20 });
  let produced = 0;
  const endless = new Readable({
    read() {
      produced += 64 * 1024;
      this.push(Buffer.alloc(64 * 1024));
    },
  });
  await assert.rejects(workspace.files.write(at('file'), endless, AT_ONCE), { code: 'workspace_full' });
  assert.ok(produced < 2 * 2 ** 20, `${produced} bytes were taken`);
  assert.ok(endless.destroyed);
});

async function entryIn(directory: string): Promise<void> {
  while (readdirSync(directory).length === 0) await setImmediate();
}
