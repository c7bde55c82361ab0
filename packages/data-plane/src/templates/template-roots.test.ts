import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { rootDigest } from './root-digest.ts';
import type { RootFileSystem } from './root-file-system.ts';
import { TemplateRoots } from './template-roots.ts';

function start() {
  const directory = mkdtempSync(join(tmpdir(), 'caisson-roots-'));
  const rootOn = (name: string): RootFileSystem => {
    mkdirSync(join(directory, name), { recursive: true });
    return {
      directories: ['usr'],
      links: [{ path: 'bin', target: 'usr/bin' }],
      mounts: [{ source: join(directory, name), destination: '/usr' }],
    };
  };
  return {
    directory,
    rootOn,
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true });
    },
  };
}

test('roots that look different to a sandbox have different digests', () => {
  using started = start();
  const root = started.rootOn('one');
  const [mount] = root.mounts;
  assert.ok(mount);
  const others: RootFileSystem[] = [
    started.rootOn('other'),
    { ...root, directories: ['usr', 'srv'] },
    { ...root, links: [{ path: 'bin', target: 'usr/sbin' }] },
    { ...root, mounts: [{ ...mount, destination: '/opt' }] },
    { ...root, mounts: [] },
  ];
  const digests = [root, ...others].map(rootDigest);
  assert.equal(new Set(digests).size, digests.length);
  assert.ok(digests.every((digest) => /^sha256:[0-9a-f]{64}$/.test(digest)));
});

test('a new file in a mounted directory does not change the digest', () => {
  using started = start();
  const root = started.rootOn('one');
  const before = rootDigest(root);
  writeFileSync(join(started.directory, 'one', 'file'), '');
  assert.equal(rootDigest(root), before);
});

test('templates with the same root share its digest; an unknown template has none', () => {
  using started = start();
  const [one, other] = [started.rootOn('one'), started.rootOn('other')];
  const roots = new TemplateRoots(
    new Map([
      ['a', one],
      ['b', one],
      ['c', other],
    ]),
  );
  assert.equal(roots.digestOf('a'), roots.digestOf('b'));
  assert.notEqual(roots.digestOf('a'), roots.digestOf('c'));
  assert.deepEqual([...roots.all.values()], [one, other]);
  assert.throws(() => roots.digestOf('d'), { code: 'template_not_found' });
});
