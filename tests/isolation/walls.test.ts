import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import type { DataPlane, LentSandbox } from '@caisson/protocol';
import { patience } from '../support/patience.ts';
import { LOWEST_OOM_SCORE_ADJ, MASKED_PROC } from './host-facts.ts';
import { outputOf, runStep, sandboxRequest, startDataPlane } from '../support/sandbox.ts';

const shell = { language: 'shell' } as const;

for (const runtime of ['crun', 'runc'] as const) {
  suite(`the walls of a ${runtime} sandbox`, () => {
    const cleanup = new AsyncDisposableStack();
    let dataPlane: DataPlane;
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

    test('files of the host are not there', async () => {
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
    });

    test("the first process's environment tells nothing of the host's", async () => {
      const environment = await outputOf(sandbox, 'print(open("/proc/1/environ").read())');
      for (const [name, value] of Object.entries(process.env)) {
        if (['PATH', 'LANG', 'HOME', 'PWD', 'USER', 'SHLVL', '_'].includes(name) || (value ?? '').length < 4)
          continue;
        assert.ok(!environment.includes(`${name}=${value}`), name);
      }
    });

    test('masked files and directories of /proc are empty', async () => {
      assert.equal(await outputOf(sandbox, MASKED_PROC), '');
    });

    test('no mount tells of a path of the host', async () => {
      const mounts = await outputOf(sandbox, 'print(open("/proc/self/mountinfo").read())');
      for (const path of [stateDirectory, process.cwd()]) assert.ok(!mounts.includes(path), mounts);
    });

    test('no score makes the kernel end the server before the sandbox', async () => {
      const lowest = Number(await outputOf(sandbox, LOWEST_OOM_SCORE_ADJ));
      const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
      const { runtimes } = await dataPlane.health(AbortSignal.timeout(patience(5_000)));
      const told = runtimes.some(({ problems }) =>
        problems.some((problem) => problem.includes('oom_score_adj')),
      );
      // A host may forbid the server to lower its own.
      assert.ok(told ? lowest >= own : lowest > own, `${lowest} in the sandbox, ${own} of the server`);
    });

    test("the host's processes cannot be seen, and its devices not be changed", async () => {
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

    test('nothing can be reached but its own loopback', async () => {
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
for family in (17, 38, 40):
    try:
        socket.socket(family, socket.SOCK_RAW if family == 17 else socket.SOCK_SEQPACKET)
        print("made")
    except OSError as error:
        print(errno.errorcode[error.errno])
`;
      const lines = (await outputOf(sandbox, code)).trim().split('\n');
      assert.deepEqual(lines.slice(0, 4), ['ENETUNREACH', 'ENETUNREACH', 'ENETUNREACH', 'connected']);
      assert.deepEqual(lines.slice(4), ['EPERM', 'EPERM', 'EPERM']);
    });

    test('system calls that lead to more are refused', async () => {
      const calls = {
        unshare: [272, 0x10000000],
        clone_new_user: [56, 0x10000011],
        mount: [165, 0],
        bpf: [321, 0],
        userfaultfd: [323, 0],
        io_uring_setup: [425, 1],
        keyctl: [250, 0],
        add_key: [248, 0],
        perf_event_open: [298, 0],
        ptrace: [101, 0],
        process_vm_readv: [310, 1],
        setns: [308, 0],
        open_by_handle_at: [304, 0],
        kexec_load: [246, 0],
        init_module: [175, 0],
        reboot: [169, 0],
        swapon: [167, 0],
        clone3: [435, 0],
      };
      const code = `
import ctypes, errno, json
libc = ctypes.CDLL(None, use_errno=True)
calls = json.loads(${JSON.stringify(JSON.stringify(calls))})
for name, (number, argument) in calls.items():
    ctypes.set_errno(0)
    result = libc.syscall(number, argument, 0, 0, 0, 0)
    print(name, result, errno.errorcode.get(ctypes.get_errno()))
`;
      for (const line of (await outputOf(sandbox, code)).trim().split('\n')) {
        assert.match(line, /^\w+ -1 (EPERM|ENOSYS)$/, line);
      }
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
      const seen = await outputOf(other.sandbox, 'ls /tmp /workspace /dev/shm', shell);
      assert.ok(!seen.includes('secret'), seen);
      const abstract = 'import socket\ns = socket.socket(socket.AF_UNIX)\n';
      await outputOf(sandbox, `${abstract}s.bind("\\0meeting")\ns.listen()`);
      const met = await runStep(other.sandbox, `${abstract}s.connect("\\0meeting")`);
      assert.equal(met.error?.name, 'ConnectionRefusedError');
    });

    test('pid, memory and cpu limits are those of the request', async () => {
      const pids = await runStep(
        sandbox,
        'import os, time\nfor _ in range(200):\n    if os.fork() == 0: time.sleep(60); os._exit(0)',
      );
      assert.equal(pids.error?.name, 'BlockingIOError');
      const memory = await runStep(sandbox, 'x = b"x" * (1 << 30)');
      assert.equal(memory.reason, 'out_of_memory');
      await outputOf(sandbox, 'print("usable")');
    });

    test('the host has no mount of the sandbox', () => {
      assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes('caisson-workspace'));
    });
  });
}

function lend(sandbox: LentSandbox): AsyncDisposable & { readonly sandbox: LentSandbox } {
  return { sandbox, [Symbol.asyncDispose]: async () => sandbox.destroy() };
}
