import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { at, AT_ONCE, makeWorkspace, openDescriptors, run, turnsOf } from './workspace.testing.ts';

test('files and links are deleted, what a link leads to is not', async () => {
  using workspace = makeWorkspace();
  const { files, root, outside } = workspace;
  writeFileSync(join(outside, 'secret'), 'untouched');
  writeFileSync(join(root, 'file'), '');
  symlinkSync(outside, join(root, 'link'));
  mkdirSync(join(root, 'directory/sub'), { recursive: true });
  symlinkSync(outside, join(root, 'directory/sub/link'));
  for (const path of ['file', 'link', 'directory']) await files.delete(at(path), AT_ONCE);
  assert.deepEqual(readdirSync(root), []);
  assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'untouched');
});

test('a tree deeper than any path can name is deleted with few descriptors', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  mkdirSync(join(root, 'deep'));
  const dig = `for (let i = 0; i < 3000; i++) {
    fs.mkdirSync('a-directory'); fs.mkdirSync('b-empty'); fs.writeFileSync('file', ''); process.chdir('a-directory');
  }`;
  run(process.execPath, ['-e', dig], { cwd: join(root, 'deep') });
  const before = openDescriptors();
  await files.delete(at('deep'), AT_ONCE);
  assert.deepEqual(readdirSync(root), []);
  assert.equal(openDescriptors(), before);
});

test('a wide tree is deleted also in a workspace that has no room for one more file', async () => {
  using workspace = makeWorkspace({ sizeBytes: 2 ** 20 });
  const { files, root } = workspace;
  run('mount', ['-o', 'remount,nr_inodes=600', root]);
  const fill = `mkdir -p wide/a/b wide/c/d; (for i in $(seq 1000); do echo > wide/a/b/$i || exit 0; done) 2>/dev/null`;
  run('bash', ['-c', fill], { cwd: root });
  await files.delete(at('wide'), AT_ONCE);
  assert.deepEqual(readdirSync(root), []);
});

test('what is not there, and the workspace itself, cannot be deleted', async () => {
  using workspace = makeWorkspace();
  await assert.rejects(workspace.files.delete(at('none'), AT_ONCE), { code: 'file_not_found' });
  await assert.rejects(workspace.files.delete(at('none/child'), AT_ONCE), { code: 'file_not_found' });
  await assert.rejects(workspace.files.delete(at(''), AT_ONCE), { code: 'is_a_directory' });
});

test('others have their turn while a large directory is deleted', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  run('bash', ['-c', 'mkdir d && cd d && seq -f "file-%06g" 5000 | xargs touch'], { cwd: root });
  const turns = await turnsOf((signal) => files.delete(at('d'), signal));
  assert.ok(turns >= 5000 / 4, `${turns} turns`);
  assert.deepEqual(readdirSync(root), []);
});

test('a deletion that was cut off goes on where it ended', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  mkdirSync(join(root, 'deep'));
  const dig = `for (let i = 0; i < 1000; i++) { fs.mkdirSync('d'); process.chdir('d'); }`;
  run(process.execPath, ['-e', dig], { cwd: join(root, 'deep') });
  let calls = 0;
  for (let gone = false; !gone; calls++) {
    let checks = 0;
    const signal = Object.assign(new AbortController().signal, {
      throwIfAborted: () => {
        if (++checks > 1000) throw new Error('cut off');
      },
    });
    gone = await files.delete(at('deep'), signal).then(
      () => true,
      () => false,
    );
    assert.ok(calls < 20, 'it makes no headway');
  }
  assert.ok(calls > 1, 'it was never cut off');
  assert.deepEqual(readdirSync(root), []);
});

test('an abort ends a deletion half way and leaves no descriptor open', async () => {
  using workspace = makeWorkspace();
  mkdirSync(join(workspace.root, 'directory'));
  for (let index = 0; index < 2000; index++) writeFileSync(join(workspace.root, `directory/${index}`), '');
  const before = openDescriptors();
  const abort = new AbortController();
  const deletion = workspace.files.delete(at('directory'), abort.signal);
  abort.abort();
  await assert.rejects(deletion, { name: 'AbortError' });
  assert.equal(openDescriptors(), before);
});
