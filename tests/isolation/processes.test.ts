import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import type { LentSandbox } from '@caisson/data-plane';
import type { ByteSource, Process, ProcessRequest } from '@caisson/protocol/ports';
import { outputOf, runStep, sandboxRequest, startDataPlane } from '../support/sandbox.ts';

const MIB = 2 ** 20;

for (const runtime of ['crun', 'runc'] as const) {
  suite(`processes in a sandbox of ${runtime}`, () => {
    const cleanup = new AsyncDisposableStack();
    let sandbox: LentSandbox;

    before(async () => {
      const { dataPlane } = cleanup.use(await startDataPlane(runtime));
      sandbox = await dataPlane.createSandbox(sandboxRequest({ env: { FROM: 'sandbox' } }), DEADLINE());
      cleanup.defer(() => sandbox.destroy());
    });
    after(() => cleanup.disposeAsync());

    test('a process echoes its input byte for byte, and ends with its exit code', async () => {
      await using cat = await start(sandbox, ['/bin/sh', '-c', 'cat; echo done >&2; exit 3'], {
        stdin: true,
      });
      const sent = Buffer.alloc(3 * MIB, 'bytes \0\xff');
      const [stdout, stderr] = [readAll(cat.stdout), readAll(cat.stderr)];
      let waited = 0;
      for (let at = 0; at < sent.length; at += 64 * 1024) {
        const pending = cat.stdin?.write(sent.subarray(at, at + 64 * 1024));
        if (pending !== undefined) waited += 1;
        await pending;
      }
      cat.stdin?.end();
      assert.ok((await stdout).equals(sent));
      assert.equal((await stderr).toString(), 'done\n');
      assert.deepEqual(await cat.exited, { exitCode: 3, signal: null });
      assert.ok(waited > 0, 'a writer waits for a process that is behind');
    });

    test('it runs as the user of the sandbox, in its directory, with its environment and no other descriptor', async () => {
      const code = 'id -u; pwd; echo $FROM $MINE; ls /proc/self/fd | tr "\\n" " "; cat';
      const request = { cwd: '/tmp', env: { MINE: 'process' } };
      await using shell = await start(sandbox, ['/bin/sh', '-c', code], request);
      const [uid, ...rest] = (await readAll(shell.stdout)).toString().split('\n');
      assert.equal(uid, (await outputOf(sandbox, 'id -u', { language: 'shell' })).trim());
      // The fourth is the directory that `ls` is reading.
      assert.deepEqual(rest, ['/tmp', 'sandbox process', '0 1 2 3 ']);
      assert.deepEqual(await shell.exited, { exitCode: 0, signal: null });
    });

    test('standard input can be opened by name, and a signal reaches the process alone', async () => {
      const code =
        'trap "echo hup; exit 0" HUP; read line < /dev/stdin; echo $line; while :; do read x; done';
      await using shell = await start(sandbox, ['/bin/bash', '-c', code], { stdin: true });
      await shell.stdin?.write('hello\n');
      const lines = linesOf(shell.stdout);
      assert.equal(await lines.next(), 'hello');
      await shell.signal('SIGHUP');
      // Bash runs the trap when its `read` returns.
      assert.equal(await lines.next(), 'hup');
      assert.deepEqual(await shell.exited, { exitCode: 0, signal: null });
      await shell.signal('SIGKILL');
    });

    test('a process killed by a signal reports the signal', async () => {
      await using sleep = await start(sandbox, ['/bin/sleep', '1000']);
      await sleep.signal('SIGTERM');
      assert.deepEqual(await sleep.exited, { exitCode: null, signal: 'SIGTERM' });
    });

    test('killing a process also kills its children, but not the kernel or other processes', async () => {
      await runStep(sandbox, 'x = 41');
      await using other = await start(sandbox, ['/bin/sleep', '2000']);
      const code = 'setsid sleep 3000 & setsid sleep 3000 & echo started; wait';
      await using tree = await start(sandbox, ['/bin/sh', '-c', code]);
      assert.equal(await linesOf(tree.stdout).next(), 'started');
      await tree.kill();
      assert.equal(await outputOf(sandbox, 'pgrep -f "sleep 3000" | wc -l', { language: 'shell' }), '0\n');
      assert.equal(await outputOf(sandbox, 'pgrep -f "sleep 2000" | wc -l', { language: 'shell' }), '1\n');
      assert.equal(await outputOf(sandbox, 'print(x + 1)'), '42\n');
      await other.kill();
      assert.deepEqual(await other.exited, { exitCode: null, signal: 'SIGKILL' });
    });

    test('a process survives the end of a kernel', async () => {
      await using cat = await start(sandbox, ['/bin/cat'], { stdin: true });
      const ended = await runStep(sandbox, 'import os; os._exit(1)');
      assert.equal(ended.kernelRestarted, true);
      await cat.stdin?.write('still here\n');
      assert.equal(await linesOf(cat.stdout).next(), 'still here');
    });

    test('a program that cannot be started is refused, and leaves nothing', async () => {
      const before = openDescriptors();
      const asked = [
        [['/no/such/program'], {}, 'argv'],
        [['/bin/true'], { cwd: '/no/such/directory' }, 'argv'],
        [['/bin/true'], { terminal: { columns: 80, rows: 24 } }, 'terminal'],
      ] as const;
      for (const [argv, request, field] of asked) {
        const refused = { code: 'validation_failed', message: new RegExp(`^${field}: `) };
        await assert.rejects(start(sandbox, argv, request), refused);
      }
      const aborted = AbortSignal.abort(new Error('the caller went away'));
      await assert.rejects(sandbox.agent.processes.start(requestOf(['/bin/true'], {}), aborted), /went away/);
      await using quick = await start(sandbox, ['/bin/true']);
      assert.deepEqual(await quick.exited, { exitCode: 0, signal: null });
      await assert.rejects(quick.resize({ columns: 80, rows: 24 }), { code: 'validation_failed' });
      await quick[Symbol.asyncDispose]();
      assert.ok(openDescriptors() <= before + SPARE_PIPES, 'descriptors are left');
    });

    test('a process ends with its sandbox, and closes its descriptors', async () => {
      const { dataPlane } = cleanup.use(await startDataPlane(runtime));
      const before = openDescriptors();
      const own = await dataPlane.createSandbox(sandboxRequest(), DEADLINE());
      const process = await start(own, ['/bin/cat'], { stdin: true });
      assert.ok(openDescriptors() >= before + 3);
      await own.destroy();
      assert.deepEqual(await process.exited, { exitCode: null, signal: 'SIGKILL' });
      await process[Symbol.asyncDispose]();
      assert.ok(openDescriptors() <= before + SPARE_PIPES, 'descriptors are left');
    });
  });
}

/** How many descriptors the data plane may open for itself in the meantime. */
const SPARE_PIPES = 2;
const DEADLINE = () => AbortSignal.timeout(60_000);

function requestOf(
  argv: readonly [string, ...string[]],
  { cwd = '/workspace', env = {}, stdin = false, terminal = null }: Partial<ProcessRequest>,
): ProcessRequest {
  return { argv, cwd, env, stdin, terminal };
}

async function start(
  sandbox: LentSandbox,
  argv: readonly [string, ...string[]],
  request: Partial<ProcessRequest> = {},
): Promise<Process> {
  return sandbox.agent.processes.start(requestOf(argv, request), DEADLINE());
}

async function readAll(source: ByteSource): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await new Promise<void>((resolve) => {
    source.read((bytes) => pieces.push(Buffer.from(bytes)), resolve);
  });
  return Buffer.concat(pieces);
}

function linesOf(source: ByteSource): { next(): Promise<string> } {
  let text = '';
  let wake: () => void = () => undefined;
  let ended = false;
  source.read(
    (bytes) => {
      text += bytes.toString();
      wake();
    },
    () => {
      ended = true;
      wake();
    },
  );
  return {
    next: async () => {
      while (!text.includes('\n')) {
        assert.ok(!ended, `it ended after "${text}"`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const [line = '', ...rest] = text.split('\n');
      text = rest.join('\n');
      return line;
    },
  };
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
