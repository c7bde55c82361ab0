import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { closing } from './container.ts';
import { MountNamespace } from '../mount-namespace/mount-namespace.ts';
import { ProcessPipes } from './process-pipes.ts';

const MIB = 2 ** 20;

/** Starts `code` in Python, which reads descriptor 3 and writes to 4; disposing ends it. */
async function startPython(code: string) {
  await using cleanup = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'pipes of a test '));
  cleanup.defer(() => {
    rmSync(directory, { recursive: true });
  });
  const live = join(directory, 'live');
  mkdirSync(live);
  const namespace = cleanup.use(await MountNamespace.create(live, { unmount: [], bind: [] }));
  const pipes = new ProcessPipes(join(live, 'pipes'), namespace);
  const [input, output] = [await pipes.takeInput(), await pipes.takeOutput()];
  using none = closing(openSync('/dev/null', 'r+'));
  const silent = { fd: none.fd, flags: constants.O_RDWR };
  const files = [silent, silent, silent, input.reader, output.writer];
  const program = await namespace.start(['/usr/bin/python3', '-I', '-S', '-c', code], files);
  input.closeReader();
  output.closeWriter();
  cleanup.defer(() => {
    input.writer.destroy();
    output.reader.destroy();
    program.kill();
  });
  const release = cleanup.move();
  return {
    program,
    writer: input.writer,
    reader: output.reader,
    [Symbol.asyncDispose]: async () => release.disposeAsync(),
  };
}

const ECHO = 'import os\nwhile data := os.read(3, 65536):\n  while data: data = data[os.write(4, data):]';

test('what is written to a process comes back whole, however much it is', async () => {
  await using echo = await startPython(ECHO);
  const sent = Buffer.alloc(8 * MIB, 'step code ');
  echo.writer.end(sent);
  assert.ok(sent.equals(await buffer(echo.reader)));
  assert.equal(await echo.program.exited, 0);
});

test('a process that does not read stops nobody, and reads the end once the writer is closed', async () => {
  // Shrinks the one pipe and sends packets by the other: that is all that it can do to them.
  await using lazy = await startPython(`
import fcntl, os, signal
F_SETPIPE_SZ = 1031
fcntl.fcntl(3, F_SETPIPE_SZ, 4096)
fcntl.fcntl(4, fcntl.F_SETFL, os.O_DIRECT)
os.write(4, b'%d' % os.getpid())
os.kill(os.getpid(), signal.SIGSTOP)
while os.read(3, 65536): pass
os.write(4, b'the end')
`);
  const [pid] = (await once(lazy.reader, 'data')) as [Buffer];
  lazy.writer.write(Buffer.alloc(4 * MIB));
  await setImmediate();
  assert.ok(lazy.writer.writableLength > 0);
  lazy.writer.destroy();
  await once(lazy.writer, 'close');
  const rest = buffer(lazy.reader);
  while (!/State:\s+T/.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))) await setImmediate();
  process.kill(Number(pid), 'SIGCONT');
  assert.equal((await rest).toString(), 'the end');
  assert.equal(await lazy.program.exited, 0);
});

test('the end of a process is the end of its pipe, and what is written to it then is an error and nothing worse', async () => {
  await using ended = await startPython('raise SystemExit(7)');
  assert.equal((await buffer(ended.reader)).length, 0);
  assert.equal(await ended.program.exited, 7);
  const failed = once(ended.writer, 'error');
  ended.writer.write('too late');
  const [error] = (await failed) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'EPIPE');
});

test('only root can open the other end of a pipe without an owner by its name', async () => {
  await using nobody = await startPython(`
import os
os.setgid(65534)
os.setuid(65534)
for path, flags in (('/proc/self/fd/3', os.O_WRONLY), ('/proc/self/fd/4', os.O_RDONLY), ('/proc/self/fd/3', os.O_RDONLY)):
    try:
        os.open(path, flags)
        os.write(4, b'opened ')
    except PermissionError:
        os.write(4, b'refused ')
`);
  assert.equal((await buffer(nobody.reader)).toString(), 'refused refused refused ');
});
