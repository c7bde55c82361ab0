import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { at, AT_ONCE, makeWorkspace, openDescriptors, run } from './workspace.testing.ts';

test('entries come in the order of their names, with what each is', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  mkdirSync(join(root, 'dir/sub'), { recursive: true });
  writeFileSync(join(root, 'dir/b.txt'), '12345', { mode: 0o640 });
  symlinkSync('/etc/shadow', join(root, 'dir/link'));
  run('mkfifo', [join(root, 'dir/a-pipe')]);
  const entries = await files.list(at('dir'), { after: '', limit: 10 }, AT_ONCE);
  assert.deepEqual(
    entries.map(({ path, name, type }) => [path, name, type]),
    [
      ['dir/a-pipe', 'a-pipe', 'other'],
      ['dir/b.txt', 'b.txt', 'file'],
      ['dir/link', 'link', 'link'],
      ['dir/sub', 'sub', 'directory'],
    ],
  );
  assert.deepEqual([entries[1]?.sizeBytes, entries[1]?.mode], [5, 0o640]);
});

test('a directory of 100,000 entries is read page by page, each name once', async () => {
  using workspace = makeWorkspace({ sizeBytes: 256 * 2 ** 20 });
  const { files, root } = workspace;
  run('bash', ['-c', 'seq -f "file-%06g" 100000 | xargs touch'], { cwd: root });
  const before = openDescriptors();
  const first = await files.list(at(''), { after: '', limit: 1000 }, AT_ONCE);
  const second = await files.list(at(''), { after: first.at(-1)?.name ?? '', limit: 1000 }, AT_ONCE);
  const last = await files.list(at(''), { after: 'file-099999', limit: 1000 }, AT_ONCE);
  assert.deepEqual([first.length, first[0]?.name, first.at(-1)?.name], [1000, 'file-000001', 'file-001000']);
  assert.deepEqual([second.length, second[0]?.name], [1000, 'file-001001']);
  assert.deepEqual(
    last.map(({ path }) => path),
    ['file-100000'],
  );
  assert.equal(openDescriptors(), before);
});

test('names that are not UTF-8 are shown as well as can be, and can be deleted with their directory', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  mkdirSync(join(root, 'd'));
  writeFileSync(Buffer.concat([Buffer.from(`${root}/d/`), Buffer.from([0x61, 0xff, 0xfe])]), '');
  writeFileSync(join(root, 'd/line\nbreak'), '');
  const names = (await files.list(at('d'), { after: '', limit: 10 }, AT_ONCE)).map(({ name }) => name);
  assert.deepEqual(names, ['a\ufffd\ufffd', 'line\nbreak']);
  await files.delete(at('d'), AT_ONCE);
  assert.deepEqual(await files.list(at(''), { after: '', limit: 10 }, AT_ONCE), []);
});

test('only directories are listed', async () => {
  using workspace = makeWorkspace();
  writeFileSync(join(workspace.root, 'file'), '');
  const page = { after: '', limit: 10 };
  await assert.rejects(workspace.files.list(at('file'), page, AT_ONCE), { code: 'not_a_directory' });
  await assert.rejects(workspace.files.list(at('none'), page, AT_ONCE), { code: 'file_not_found' });
});

test('a workspace that is gone is said to be gone, and the directory below it stays untouched', async () => {
  using workspace = makeWorkspace();
  run('umount', ['--lazy', workspace.root]);
  const page = { after: '', limit: 10 };
  await assert.rejects(workspace.files.list(at(''), page, AT_ONCE), { code: 'sandbox_lost' });
});
