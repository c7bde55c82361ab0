import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { parseWorkspacePath } from '@caisson/protocol/api';
import { at, AT_ONCE, makeWorkspace, openDescriptors, run, turnsOf } from './workspace.testing.ts';

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

test('names that are not UTF-8 are listed in order, and each path reaches exactly its file', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  mkdirSync(join(root, 'd'));
  const names = [
    [0xff, 0xfe],
    [0xff],
    [...Buffer.from('caf'), 0xe9],
    [0xee, 0xbe, 0x80],
    [...Buffer.from('café')],
  ]
    .concat([[...Buffer.from('line\nbreak')], [0xef, 0xbf, 0xbd], [0x80]])
    .map((bytes) => Buffer.from(bytes));
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${root}/d/`), name]), name);
  const seen: Buffer[] = [];
  for (let after = ''; ;) {
    const [entry] = await files.list(at('d'), { after, limit: 1 }, AT_ONCE);
    if (entry === undefined) break;
    after = entry.name;
    const parsed = parseWorkspacePath(entry.path);
    assert.ok('path' in parsed);
    const { body } = await files.read(parsed.path, AT_ONCE);
    seen.push(await buffer(body));
    assert.equal((await files.stat(parsed.path, AT_ONCE)).path, entry.path);
    await files.delete(parsed.path, AT_ONCE);
  }
  assert.deepEqual(
    seen,
    names.toSorted((one, other) => one.compare(other)),
  );
  assert.deepEqual(readdirSync(join(root, 'd')), []);
});

test('a file can be written under a name that is not UTF-8, through directories of such names', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  await files.write(at('\uefff/\uef80'), Readable.from(['x']), AT_ONCE);
  assert.deepEqual(readdirSync(Buffer.from(`${root}/\xff`, 'latin1'), 'buffer'), [Buffer.of(0x80)]);
});

test('a time that no calendar has does not fail the listing', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  writeFileSync(join(root, 'late'), '');
  writeFileSync(join(root, 'early'), '');
  run('touch', ['-d', '@99999999999999', join(root, 'late')]);
  run('touch', ['-d', '@-99999999999999', join(root, 'early')]);
  const entries = await files.list(at(''), { after: '', limit: 10 }, AT_ONCE);
  assert.deepEqual(
    entries.map(({ modifiedAt }) => modifiedAt.toISOString()),
    ['0000-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'],
  );
});

test('others have their turn while a large directory is listed', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  run('bash', ['-c', 'seq -f "file-%06g" 20000 | xargs touch'], { cwd: root });
  const turns = await turnsOf((signal) => files.list(at(''), { after: '', limit: 10 }, signal));
  assert.ok(turns >= 20_000 / 300, `${turns} turns`);
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
