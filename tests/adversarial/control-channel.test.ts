import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import type { Language } from '@caisson/protocol/api';
import { patience } from '../support/patience.ts';
import { outputOf, runJob, runStep, sandboxRequest, startDataPlane } from '../support/sandbox.ts';

const LINGER_SECONDS = 8;

/**
 * Sends a TCP socket with unsent data over every socket of the kernel. A reader that does not accept descriptors drops it, and if
 * that was its last copy, the close blocks as long as SO_LINGER says.
 */
const LINGERING_SOCKET = `
import array, os, socket, stat, struct

listener = socket.create_server(('127.0.0.1', 0))
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
for fd in map(int, os.listdir('/proc/self/fd')):
    try:
        if fd == listener.fileno() or not stat.S_ISSOCK(os.fstat(fd).st_mode):
            continue
    except OSError:
        continue
    held = socket.create_connection(listener.getsockname())
    held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, ${LINGER_SECONDS}))
    held.setblocking(False)
    try:
        while True:
            held.send(bytes(65536))
    except BlockingIOError:
        pass
    channel = socket.socket(fileno=os.dup(fd))
    try:
        channel.sendmsg([b' '], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [held.fileno()]))])
        print('sent')
    except BrokenPipeError:
        print('refused')
    held.close()
    channel.close()
`;

test('a descriptor that a kernel sends to the server does not stop the server', async () => {
  await using started = await startDataPlane();
  const { dataPlane } = started;
  const sandbox = await dataPlane.createSandbox(sandboxRequest(), AbortSignal.timeout(patience(30_000)));
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const ran = await runStep(sandbox, LINGERING_SOCKET);
  delay.disable();
  assert.equal(ran.status, 'succeeded', ran.error?.traceback.join(''));
  assert.ok(delay.max / 1e9 < LINGER_SECONDS / 2, `the server stood still for ${delay.max / 1e9} s`);
});

test('a cell has a socket to the server that is open in one direction', async () => {
  await using started = await startDataPlane();
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const ran = await runJob(started.dataPlane, LINGERING_SOCKET);
  delay.disable();
  assert.deepEqual([ran.status, ran.stdout, ran.placement.scope], ['succeeded', 'refused\n', 'cell']);
  assert.ok(delay.max / 1e9 < LINGER_SECONDS / 2, `the server stood still for ${delay.max / 1e9} s`);
});

/** System call number, by architecture, of the descriptor through which a process can delay its own page faults. */
const USERFAULTFD = `
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
result = libc.syscall({'x86_64': 323, 'aarch64': 282}[platform.machine()], 1)
print(result, os.strerror(ctypes.get_errno()))
`;

test('code cannot hold a pipe locked by a page fault in the middle of a write', async () => {
  await using started = await startDataPlane();
  const sandbox = await started.dataPlane.createSandbox(
    sandboxRequest(),
    AbortSignal.timeout(patience(30_000)),
  );
  assert.equal(await outputOf(sandbox, USERFAULTFD), '-1 Function not implemented\n');
  assert.match(
    await outputOf(sandbox, 'ls /dev/userfaultfd /dev/fuse 2>&1; true', { language: 'shell' }),
    /^(.*No such file or directory\n){2}$/,
  );
});

const DESCRIPTORS: Record<Language, string> = {
  python: `
import os
for fd in os.listdir('/proc/self/fd'):
    try:
        print(os.readlink('/proc/self/fd/' + fd))
    except OSError:
        pass`,
  javascript: `
const fs = require('node:fs');
for (const fd of fs.readdirSync('/proc/self/fd')) {
  try {
    console.log(fs.readlinkSync('/proc/self/fd/' + fd));
  } catch {}
}`,
  // The shell that runs the code, and its parent.
  shell: 'readlink /proc/$$/fd/* /proc/$PPID/fd/*; true',
};

/** Lists the descriptors that a child process inherits in each language. */
const CHILD: Record<Language, string> = {
  python: 'import os\nos.system("ls /proc/self/fd")\nNone',
  javascript: 'require("child_process").spawnSync("ls", ["/proc/self/fd"], { stdio: "inherit" }); undefined',
  shell: 'ls /proc/self/fd',
};

for (const [language, templateId] of [
  ['python', 'python'],
  ['javascript', 'node'],
  ['shell', 'shell'],
] as const) {
  test(`a ${language} kernel has no socket, and its children inherit no descriptor of its control channel`, async () => {
    await using started = await startDataPlane();
    const sandbox = await started.dataPlane.createSandbox(
      sandboxRequest({ templateId }),
      AbortSignal.timeout(patience(30_000)),
    );
    const targets = (await outputOf(sandbox, DESCRIPTORS[language], { language })).trim().split('\n');
    // At least standard output, standard error, and two of the control channel.
    assert.ok(targets.filter((target) => target.startsWith('pipe:') || target.startsWith('/')).length >= 4);
    assert.deepEqual(
      targets.filter((target) => target.startsWith('socket:')),
      [],
    );
    // The last one is the directory that ls itself reads.
    assert.equal(await outputOf(sandbox, CHILD[language], { language }), '0\n1\n2\n3\n');
  });
}
