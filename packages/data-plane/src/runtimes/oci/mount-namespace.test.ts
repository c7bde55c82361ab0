import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MountNamespace } from './mount-namespace.ts';

const scratch = () => {
  const directory = mkdtempSync(join(tmpdir(), 'mounts of a test '));
  return {
    directory,
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true });
    },
  };
};

test('a mount is seen in the namespace and nowhere else, until it is taken away', async () => {
  using place = scratch();
  await using namespace = await MountNamespace.create({ unmount: [], bind: [] });
  const bytes = () => {
    const { blocks, bsize } = statfsSync(namespace.resolve(place.directory));
    return blocks * bsize;
  };
  await namespace.mountTmpfs(place.directory, ['size=1048576', 'nosuid']);
  assert.equal(bytes(), 1_048_576);
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes('caisson-workspace'));
  await namespace.unmount(place.directory);
  assert.notEqual(bytes(), 1_048_576);
});

test('what cannot be mounted says why, and the next mount works', async () => {
  using place = scratch();
  await using namespace = await MountNamespace.create({ unmount: [], bind: [] });
  await assert.rejects(
    namespace.mountTmpfs('/no/such/place', ['size=4096']),
    /mount: failed .*no\/such\/place/,
  );
  await assert.rejects(namespace.unmount(place.directory), /umount: failed/);
  await assert.rejects(namespace.mountTmpfs('/tmp\numount - /', []), /line break/);
  await namespace.mountTmpfs(place.directory, ['size=4096']);
});
