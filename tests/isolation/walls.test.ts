import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import type { SandboxPlane, LentSandbox } from '@caisson/data-plane';
import { patience } from '../support/patience.ts';
import { LOWEST_OOM_SCORE_ADJ, MASKED_PROC } from './host-facts.ts';
import { helperPid, instanceOf } from '../support/leftovers.ts';
import { outputOf, runStep, sandboxRequest, startDataPlane } from '../support/sandbox.ts';

const shell = { language: 'shell' } as const;

for (const runtime of ['crun', 'runc'] as const) {
  suite(`the walls of a ${runtime} sandbox`, () => {
    const cleanup = new AsyncDisposableStack();
    let dataPlane: SandboxPlane;
    let stateDirectory: string;
    let sandbox: LentSandbox;

    before(async () => {
      ({ dataPlane, stateDirectory } = cleanup.use(await startDataPlane(runtime)));
      sandbox = await dataPlane.createSandbox(sandboxRequest(), AbortSignal.timeout(patience(30_000)));
    });
    after(async () => cleanup.disposeAsync());

    test('the root, /usr and /etc cannot be written', async () => {
      for (const path of [
        '/x',
        '/usr/x',
        '/etc/x',
        '/opt/caisson/x',
        '/opt/caisson/kernels/x',
        '/proc/sys/kernel/hostname',
      ]) {
        const ran = await runStep(sandbox, `echo planted > ${path}`, shell);
        assert.equal(ran.reason, 'exit_code', path);
      }
    });

    test('files of the host are not visible', async () => {
      for (const path of [
        '/etc/shadow',
        '/root/.ssh',
        '/var/log',
        '/run/caisson',
        '/sys/kernel',
        '/boot',
        '/etc/machine-id',
      ]) {
        const ran = await runStep(sandbox, `ls -d ${path}`, shell);
        assert.equal(ran.reason, 'exit_code', `${path}: ${ran.stdout}`);
      }
      assert.ok(existsSync('/etc/shadow') && existsSync('/sys/kernel'), 'on the host they are');
      assert.equal(await outputOf(sandbox, 'ls -d /etc/passwd', shell), '/etc/passwd\n');
    });

    test("the first process's environment reveals nothing of the host's", async () => {
      const environment = await outputOf(sandbox, 'print(open("/proc/1/environ").read())');
      for (const [name, value] of Object.entries(process.env)) {
        if (['PATH', 'LANG', 'HOME', 'PWD', 'USER', 'SHLVL', '_'].includes(name) || (value ?? '').length < 4)
          continue;
        assert.ok(!environment.includes(`${name}=${value}`), name);
      }
    });

    test('masked files and directories of /proc are empty', async () => {
      assert.equal(await outputOf(sandbox, MASKED_PROC), '');
      const onHost = execFileSync('python3', ['-c', MASKED_PROC], { encoding: 'utf8', timeout: 20_000 });
      assert.match(onHost, /^cmdline /m);
    });

    test('no mount reveals a path of the host', async () => {
      const mounts = await outputOf(sandbox, 'print(open("/proc/self/mountinfo").read())');
      for (const path of [stateDirectory, process.cwd()]) assert.ok(!mounts.includes(path), mounts);
      assert.ok(mountsOfHelper().includes(stateDirectory), 'where they are made, they do');
    });

    test('no OOM score makes the kernel kill the server before the sandbox', async () => {
      const lowest = Number(await outputOf(sandbox, LOWEST_OOM_SCORE_ADJ));
      const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
      const { runtimes } = await dataPlane.health(AbortSignal.timeout(patience(5_000)));
      const told = runtimes.some(({ problems }) =>
        problems.some((problem) => problem.includes('oom_score_adj')),
      );
      // The host may not allow the server to lower its own score.
      assert.ok(told ? lowest >= own : lowest > own, `${lowest} in the sandbox, ${own} of the server`);
    });

    test("the host's processes are invisible, and its devices cannot be changed", async () => {
      const pids = await outputOf(sandbox, 'ls /proc | grep -E "^[0-9]+$" | wc -l', shell);
      assert.ok(Number(pids) < 20, pids);
      const before = statSync('/dev/null');
      for (const command of [
        'chmod 000 /dev/null',
        'chown 1000 /dev/null',
        'mknod /tmp/sda b 8 0',
        'mount -t tmpfs x /tmp',
      ]) {
        assert.equal((await runStep(sandbox, command, shell)).reason, 'exit_code', command);
      }
      const afterwards = statSync('/dev/null');
      assert.deepEqual(
        [afterwards.uid, afterwards.gid, afterwards.mode],
        [before.uid, before.gid, before.mode],
      );
      assert.equal(afterwards.uid, 0);
    });

    test('nothing but its own loopback can be reached', async () => {
      const code = `
import errno, socket
def attempt(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(2)
        try:
            s.connect(address)
            return "connected"
        except OSError as error:
            return errno.errorcode.get(error.errno, type(error).__name__)
print(attempt(socket.AF_INET, socket.SOCK_STREAM, ("10.0.0.1", 80)))
print(attempt(socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80)))
print(attempt(socket.AF_INET6, socket.SOCK_STREAM, ("fd00::1", 80)))
server = socket.create_server(("127.0.0.1", 0))
print(attempt(socket.AF_INET, socket.SOCK_STREAM, server.getsockname()))
`;
      const lines = (await outputOf(sandbox, code)).trim().split('\n');
      assert.deepEqual(lines, ['ENETUNREACH', 'ENETUNREACH', 'ENETUNREACH', 'connected']);
    });

    test('two sandboxes share no ids, and neither sees the other', async () => {
      await using other = lend(
        await dataPlane.createSandbox(sandboxRequest(), AbortSignal.timeout(patience(30_000))),
      );
      const idMap = 'cat /proc/self/uid_map';
      const [mine, others] = [
        await outputOf(sandbox, idMap, shell),
        await outputOf(other.sandbox, idMap, shell),
      ];
      const [inside, host, size] = mine.trim().split(/\s+/).map(Number);
      assert.equal(inside, 0);
      assert.equal(size, 65_536);
      const otherHost = Number(others.trim().split(/\s+/)[1]);
      assert.ok(Math.abs(otherHost - (host ?? 0)) >= 65_536);
      await outputOf(
        sandbox,
        'echo mine > /tmp/secret; echo mine > /workspace/secret; echo mine > /dev/shm/secret',
        shell,
      );
      const list = 'ls /tmp /workspace /dev/shm';
      const seen = await outputOf(other.sandbox, list, shell);
      assert.ok(!seen.includes('secret'), seen);
      const own = await outputOf(sandbox, list, shell);
      assert.equal(own.match(/secret/g)?.length, 3, own);
      const abstract = 'import socket\ns = socket.socket(socket.AF_UNIX)\n';
      await outputOf(sandbox, `${abstract}s.bind("\\0meeting")\ns.listen()`);
      const met = await runStep(other.sandbox, `${abstract}s.connect("\\0meeting")`);
      assert.equal(met.error?.name, 'ConnectionRefusedError');
      await outputOf(sandbox, 'import socket\nsocket.socket(socket.AF_UNIX).connect("\\0meeting")');
    });

    test('code that exceeds its limits of processes and memory gets an error', async () => {
      const pids = await runStep(
        sandbox,
        'import os, time\nfor _ in range(200):\n    if os.fork() == 0: time.sleep(60); os._exit(0)',
      );
      assert.equal(pids.error?.name, 'BlockingIOError');
      const memory = await runStep(sandbox, 'x = b"x" * (1 << 30)');
      assert.equal(memory.reason, 'out_of_memory');
      await outputOf(sandbox, 'print("usable")');
    });

    test('the sandbox is not mounted on the host', () => {
      assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes('caisson-workspace'));
      assert.ok(mountsOfHelper().includes('caisson-workspace'), 'the helper has it');
    });

    function mountsOfHelper(): string {
      const helper = helperPid(stateDirectory, instanceOf(stateDirectory));
      return readFileSync(`/proc/${helper}/mountinfo`, 'utf8');
    }
  });
}

function lend(sandbox: LentSandbox): AsyncDisposable & { readonly sandbox: LentSandbox } {
  return { sandbox, [Symbol.asyncDispose]: async () => sandbox.destroy() };
}
