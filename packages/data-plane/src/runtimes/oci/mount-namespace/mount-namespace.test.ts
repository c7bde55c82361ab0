import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { closing } from '../container/container.ts';
import { MountNamespace } from './mount-namespace.ts';
import type { InheritedFd } from './mount-namespace.ts';
import { O_PATH } from '../container/o-path.ts';

const scratch = () => {
  const directory = mkdtempSync(join(tmpdir(), 'mounts of a test '));
  const live = join(directory, 'live');
  mkdirSync(live);
  return {
    directory,
    live,
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true });
    },
  };
};

test('the end of a process that the namespace did not start is told, and that of the namespace too', async () => {
  using temporary = scratch();
  const namespace = await MountNamespace.create(temporary.live, { unmount: [], bind: [] });
  const [killed, outliving] = [spawnSleep(), spawnSleep()];
  using both = new DisposableStack();
  for (const child of [killed, outliving]) both.defer(() => child.kill('SIGKILL'));
  const watched = await namespace.watch(killed.pid ?? 0);
  const other = await namespace.watch(outliving.pid ?? 0);
  const reaped = once(killed, 'exit');
  killed.kill('SIGKILL');
  await watched.ended;
  // Until then its pid still names it.
  await reaped;
  await assert.rejects(namespace.watch(killed.pid ?? 0), /watch: failed: .*No such process/);
  await namespace[Symbol.asyncDispose]();
  await assert.rejects(other.ended, /the mount namespace has ended/);
});

function spawnSleep() {
  return spawn('sleep', ['600'], { stdio: 'ignore' });
}

test('a runtime that is slow to hand over to the netlink gate keeps its connection, and holds up no other', async () => {
  using temporary = scratch();
  await using namespace = await MountNamespace.create(temporary.live, { unmount: [], bind: [] });
  const path = namespace.resolve(namespace.gatePath);
  using both = new DisposableStack();
  const [slow, quick] = [connect(path), connect(path)];
  let isClosed = false;
  slow.resume().once('end', () => (isClosed = true));
  for (const socket of [slow, quick]) both.defer(() => socket.destroy());
  await once(slow, 'connect');
  quick.resume().write('{}');
  await once(quick, 'end');
  assert.equal(isClosed, false);
  slow.write('{}');
  await once(slow, 'end');
});

test('a mount is seen in the namespace and nowhere else, until it is taken away', async () => {
  using temporary = scratch();
  await using namespace = await MountNamespace.create(temporary.live, { unmount: [], bind: [] });
  const bytes = () => {
    const { blocks, bsize } = statfsSync(namespace.resolve(temporary.directory));
    return blocks * bsize;
  };
  await namespace.mountTmpfs(temporary.directory, ['size=1048576', 'nosuid']);
  assert.equal(bytes(), 1_048_576);
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes('caisson-workspace'));
  await namespace.unmount(temporary.directory);
  assert.notEqual(bytes(), 1_048_576);
});

test('what cannot be mounted says why, and the next mount works', async () => {
  using temporary = scratch();
  await using namespace = await MountNamespace.create(temporary.live, { unmount: [], bind: [] });
  await assert.rejects(
    namespace.mountTmpfs('/no/such/place', ['size=4096']),
    /mount: failed: .*no\/such\/place/,
  );
  await assert.rejects(namespace.unmount(temporary.directory), /unmount: failed: /);
  await namespace.mountTmpfs(temporary.directory, ['size=4096']);
});

/** A file as the three standard streams of a program, and what is in it in the end. */
function outputFile(directory: string): Disposable & { files: InheritedFd[]; read: () => string } {
  const path = join(directory, 'output');
  writeFileSync(path, '');
  const fd = openSync(path, constants.O_RDWR);
  const flags = constants.O_RDWR | constants.O_APPEND;
  return {
    files: [0, 1, 2].map(() => ({ fd, flags })),
    read: () => readFileSync(path, 'utf8'),
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

test('what is bound can be read but not written', async () => {
  using temporary = scratch();
  const [source, target] = [join(temporary.directory, 'source'), join(temporary.directory, 'target')];
  writeFileSync(source, 'whole\n');
  writeFileSync(target, '');
  await using namespace = await MountNamespace.create(temporary.live, {
    unmount: [],
    bind: [{ source, target }],
  });
  using output = outputFile(temporary.directory);
  const { exited } = await namespace.start(
    ['/bin/sh', '-c', 'cat "$0"; echo broken > "$0"', target],
    output.files,
  );
  assert.notEqual(await exited, 0);
  assert.match(output.read(), /^whole\n.*Read-only file system/);
  assert.equal(readFileSync(source, 'utf8'), 'whole\n');
});

test('a program has the files that it was given and nothing else, and none of its signals is ignored', async () => {
  using temporary = scratch();
  await using namespace = await MountNamespace.create(temporary.live, { unmount: [], bind: [] });
  using output = outputFile(temporary.directory);
  const script = 'ls /proc/self/fd; grep SigIgn /proc/self/status';
  const files = [...output.files, ...output.files.slice(0, 1)];
  const program = await namespace.start(['/bin/sh', '-c', script], files);
  assert.equal(await program.exited, 0);
  const lines = output.read().trim().split('\n');
  // The last descriptor is the directory that ls itself reads.
  assert.deepEqual(lines.slice(0, -1), ['0', '1', '2', '3', '4']);
  // But for the two that the C library keeps to itself.
  assert.match(lines.at(-1) ?? '', /SigIgn:\s+0000000[01][08]0000000$/);
});

test('a pipe that nobody reads any more does not stop the namespace', async () => {
  using temporary = scratch();
  await using namespace = await MountNamespace.create(temporary.live, { unmount: [], bind: [] });
  const fifo = join(temporary.directory, 'pipe');
  await namespace.makeFifos([fifo]);
  using output = outputFile(temporary.directory);
  using path = closing(openSync(fifo, O_PATH));
  const files = [...output.files, { fd: path.fd, flags: constants.O_WRONLY }];
  await assert.rejects(namespace.start(['true'], files), /No such device or address/);
  assert.equal(await (await namespace.start(['true'], output.files)).exited, 0);
});

test('a program tells how it ended', async () => {
  using temporary = scratch();
  await using namespace = await MountNamespace.create(temporary.live, { unmount: [], bind: [] });
  using output = outputFile(temporary.directory);
  const start = async (...argv: string[]) => namespace.start(argv, output.files);
  assert.equal(await (await start('sh', '-c', 'exit 7')).exited, 7);
  const sleeping = await start('sleep', '60');
  sleeping.kill();
  assert.equal(await sleeping.exited, -9);
  await assert.rejects(start('/no/such/program'), /start: failed: .*No such file/);
});

test('what runs in a namespace that has ended is told so', async () => {
  using temporary = scratch();
  const namespace = await MountNamespace.create(temporary.live, { unmount: [], bind: [] });
  using output = outputFile(temporary.directory);
  const { exited } = await namespace.start(['sleep', '0.5'], output.files);
  await Promise.all([assert.rejects(exited, /has ended/), namespace[Symbol.asyncDispose]()]);
  await namespace.ended;
  await assert.rejects(namespace.mountTmpfs(temporary.directory, []), /has ended: .*SIGKILL/);
  await namespace.unmount(temporary.directory);
});
