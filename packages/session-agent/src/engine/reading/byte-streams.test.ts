import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteSource, ProcessRequest } from '@caisson/protocol/ports';
import { LocalSpawner } from '../local-spawner.testing.ts';

const MIB = 2 ** 20;

async function start(code: string, request: Partial<ProcessRequest> = {}) {
  const argv = ['/bin/sh', '-c', code] as const;
  const defaults = { argv, env: {}, cwd: '/tmp', stdin: true, terminal: null };
  return new LocalSpawner().start({ ...defaults, ...request }, AbortSignal.timeout(10_000));
}

async function readAll(source: ByteSource): Promise<string> {
  let text = '';
  await new Promise<void>((resolve) => {
    source.read((bytes) => {
      text += bytes.toString();
    }, resolve);
  });
  return text;
}

test('what is written to a process arrives, and then its end', async () => {
  await using cat = await start('cat; echo end');
  assert.equal(cat.stdin?.write('one\n'), undefined, 'there is room: nobody has to wait');
  await cat.stdin?.write(Buffer.from('two\n'));
  cat.stdin?.end();
  cat.stdin?.end();
  assert.equal(cat.stdin?.write('three\n'), undefined);
  assert.equal(await readAll(cat.stdout), 'one\ntwo\nend\n');
  assert.deepEqual(await cat.exited, { exitCode: 0, signal: null });
});

test('a writer waits for a process that does not read, and no longer than until its end', async () => {
  await using lazy = await start('read line; echo $line; exec sleep 1000');
  await lazy.stdin?.write('first\n');
  const pending = lazy.stdin?.write(Buffer.alloc(4 * MIB));
  assert.ok(pending);
  let waits = true as boolean;
  const over = pending.then(() => (waits = false));
  const line = await new Promise<string>((resolve) => {
    lazy.stdout.read(
      (bytes) => {
        resolve(bytes.toString());
      },
      resolve.bind(undefined, 'it ended'),
    );
  });
  assert.deepEqual([line, waits], ['first\n', true]);
  await lazy.kill();
  await over;
  assert.equal(lazy.stdin?.write('dropped'), undefined);
});

test('a process that closes its input loses what is written, and nobody else does', async () => {
  await using deaf = await start('exec 0<&-; echo closed; read line < /dev/zero');
  await new Promise<void>((resolve) => {
    deaf.stdout.read(() => {
      resolve();
    }, resolve);
  });
  for (let write = 0; write < 100; write += 1) await deaf.stdin?.write('x'.repeat(64 * 1024));
});

test('a process without an input finds it empty, and one without a terminal has no size', async () => {
  await using cat = await start('cat; echo end', { stdin: false });
  assert.equal(cat.stdin, null);
  assert.equal(await readAll(cat.stdout), 'end\n');
  const size = { columns: 80, rows: 24 };
  await assert.rejects(cat.resize(size), { code: 'validation_failed' });
  await assert.rejects(start('true', { terminal: size }), { code: 'validation_failed' });
});
