import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { at, AT_ONCE, makeWorkspace, openDescriptors, run } from './workspace.testing.ts';

test('a file is read with the size that it had when it was opened', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  mkdirSync(join(root, 'data'));
  writeFileSync(join(root, 'data/a.txt'), 'hello');
  const { entry, body } = await files.read(at('data/a.txt'), AT_ONCE);
  appendFileSync(join(root, 'data/a.txt'), ' and more');
  assert.equal((await buffer(body)).toString(), 'hello');
  assert.deepEqual([entry.path, entry.name, entry.type, entry.sizeBytes], ['data/a.txt', 'a.txt', 'file', 5]);
});

test('an empty file is an empty stream', async () => {
  using workspace = makeWorkspace();
  writeFileSync(join(workspace.root, 'empty'), '');
  const { body } = await workspace.files.read(at('empty'), AT_ONCE);
  assert.equal((await buffer(body)).length, 0);
});

test('a file that is cut short while it is read fails instead of ending early', async () => {
  using workspace = makeWorkspace();
  const path = join(workspace.root, 'large');
  writeFileSync(path, Buffer.alloc(4 * 2 ** 20, 1));
  const { body } = await workspace.files.read(at('large'), AT_ONCE);
  truncateSync(path, 10);
  await assert.rejects(buffer(body), /cut short/);
});

test('links within the workspace are followed, as they mean it inside the sandbox', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  mkdirSync(join(root, 'a/b'), { recursive: true });
  writeFileSync(join(root, 'a/target'), 'found');
  const links: Record<string, string> = {
    relative: 'a/target',
    absolute: '/workspace/a/target',
    roundabout: '../workspace/./a//b/../target',
    above: '../../../workspace/a/target',
    'a/b/up': '../target',
    chained: 'relative',
    directory: 'a/b',
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, name));
  for (const name of [...Object.keys(links).filter((name) => name !== 'directory'), 'directory/up']) {
    const { body } = await files.read(at(name), AT_ONCE);
    assert.equal((await buffer(body)).toString(), 'found', name);
  }
});

test('links that lead out of the workspace are refused, by whatever way', async () => {
  using workspace = makeWorkspace();
  const { files, root, outside } = workspace;
  writeFileSync(join(outside, 'secret'), 'secret');
  mkdirSync(join(root, 'a'));
  const targets = [
    '/etc/shadow',
    '../outside/secret',
    'a/../../outside/secret',
    '/',
    '..',
    '/workspace/..',
    '/workspaces/a',
    '/proc/self/root/etc/shadow',
  ];
  for (const [index, target] of targets.entries()) {
    symlinkSync(target, join(root, `link${index}`));
    await assert.rejects(files.read(at(`link${index}`), AT_ONCE), { code: 'path_outside_workspace' }, target);
  }
  symlinkSync(outside, join(root, 'directory'));
  const refused = { code: 'path_outside_workspace' };
  await assert.rejects(files.read(at('directory/secret'), AT_ONCE), refused);
  await assert.rejects(files.stat(at('directory/secret'), AT_ONCE), refused);
  await assert.rejects(files.list(at('directory'), { after: '', limit: 10 }, AT_ONCE), refused);
  await assert.rejects(files.delete(at('directory/secret'), AT_ONCE), refused);
  await assert.rejects(files.write(at('directory/new'), Readable.from(['x']), AT_ONCE), refused);
  assert.deepEqual(readdirSync(outside), ['secret']);
});

test('paths and links that never end, or are absurdly long, are no files', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('dangling-target', join(root, 'dangling'));
  mkdirSync(join(root, 'd'));
  for (let index = 0; index < 30; index++) {
    symlinkSync(`${'d/../'.repeat(700)}n${index + 1}`, join(root, `n${index}`));
  }
  for (const path of ['loop', 'dangling', 'n0', 'missing', 'missing/child', 'x'.repeat(300)]) {
    await assert.rejects(files.read(at(path), AT_ONCE), { code: 'file_not_found' }, path);
  }
});

test('only regular files are read, and opening the others never blocks', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  run('mkfifo', [join(root, 'pipe')]);
  run('mknod', [join(root, 'device'), 'c', '1', '5']);
  await using server = createServer().listen(join(root, 'socket'));
  await once(server, 'listening');
  mkdirSync(join(root, 'directory'));
  for (const name of ['pipe', 'device', 'socket']) {
    await assert.rejects(files.read(at(name), AT_ONCE), { code: 'not_a_regular_file' }, name);
    assert.equal((await files.stat(at(name), AT_ONCE)).type, 'other');
  }
  await assert.rejects(files.read(at('directory'), AT_ONCE), { code: 'is_a_directory' });
  await assert.rejects(files.read(at(''), AT_ONCE), { code: 'is_a_directory' });
  await assert.rejects(files.read(at('pipe/child'), AT_ONCE), { code: 'not_a_directory' });
});

test('a name of a path is never taken for another path', async () => {
  using workspace = makeWorkspace();
  for (const path of ['..', '../outside', 'a/../../outside']) {
    await assert.rejects(workspace.files.read(at(path), AT_ONCE), (error) => error instanceof Error, path);
  }
  await assert.rejects(workspace.files.delete(at('..'), AT_ONCE), TypeError);
});

test('no descriptor stays open, however a read ends', async () => {
  using workspace = makeWorkspace();
  const { files, root } = workspace;
  writeFileSync(join(root, 'file'), Buffer.alloc(2 ** 20));
  linkSync(join(root, 'file'), join(root, 'hard-link'));
  symlinkSync('/etc/shadow', join(root, 'link'));
  await (await files.read(at('file'), AT_ONCE)).body.toArray();
  const before = openDescriptors();
  await (await files.read(at('hard-link'), AT_ONCE)).body.toArray();
  const unread = (await files.read(at('file'), AT_ONCE)).body;
  unread.destroy();
  await once(unread, 'close');
  const half = (await files.read(at('file'), AT_ONCE)).body;
  await once(half, 'readable');
  half.destroy();
  await once(half, 'close');
  const abort = new AbortController();
  const aborted = (await files.read(at('file'), abort.signal)).body;
  abort.abort();
  await assert.rejects(aborted.toArray(), { name: 'AbortError' });
  for (const path of ['link', 'missing', 'file/child', ''])
    await assert.rejects(files.read(at(path), AT_ONCE));
  assert.equal(openDescriptors(), before);
});
