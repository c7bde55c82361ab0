import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { LentSandbox } from '@caisson/data-plane';
import type { WorkspacePath } from '@caisson/protocol/api';
import { instanceOf, leftoversOf } from '../support/leftovers.ts';
import { patience } from '../support/patience.ts';
import { outputOf, runJob, runStep, sandboxRequest, startDataPlane } from '../support/sandbox.ts';
import { makeServerHome, Server, until } from '../support/server.ts';

const MIB = 2 ** 20;
const SIZE = 300 * MIB;
const RESOURCES = { cpuMillicores: 1000, memoryBytes: 96 * MIB, diskBytes: SIZE, pids: 64 };
const DEADLINE = () => AbortSignal.timeout(patience(120_000));

/** Writes until the disk is full, then prints how much it wrote, in MiB, and the error. */
const FILL = `
import errno, os
chunk, written = os.urandom(1 << 20), 0
with open("fill", "wb", buffering=0) as file:
    try:
        while True:
            written += file.write(chunk)
    except OSError as error:
        print(written >> 20, errno.errorcode[error.errno])
`;

async function withSandbox(use: (sandbox: LentSandbox) => Promise<void>): Promise<void> {
  await using started = await startDataPlane();
  const { dataPlane } = started;
  const sandbox = await dataPlane.createSandbox(sandboxRequest({ resources: RESOURCES }), DEADLINE());
  await use(sandbox);
}

test('a large workspace is on disk: it holds far more than the memory of the sandbox, and reports when it is full', async () => {
  await withSandbox(async (sandbox) => {
    // The file size limit is the same number, so it takes two files to fill the disk.
    const filled = await runStep(sandbox, `${FILL}\n${FILL.replace('"fill"', '"more"')}`);
    assert.equal(filled.status, 'succeeded', filled.stderr);
    const lines = filled.stdout.trim().split('\n');
    const sum = lines.reduce((mib, line) => mib + Number(line.split(' ')[0]), 0);
    assert.match(lines[1] ?? '', /ENOSPC/);
    assert.ok(sum >= SIZE / MIB && sum <= (SIZE / MIB) * 1.05, filled.stdout);
    const body = Readable.from([Buffer.alloc(MIB)]);
    await assert.rejects(sandbox.agent.files.write('upload' as WorkspacePath, body, DEADLINE()), {
      code: 'workspace_full',
    });
    await outputOf(sandbox, 'import os; os.remove("fill")');
    const again = Readable.from([Buffer.alloc(MIB)]);
    const { entry } = await sandbox.agent.files.write('upload' as WorkspacePath, again, DEADLINE());
    assert.equal(entry.sizeBytes, MIB);
  });
});

test('a workspace on disk does not count against the memory limit', async () => {
  await using started = await startDataPlane();
  const { dataPlane, stateDirectory } = started;
  const request = sandboxRequest({ resources: RESOURCES });
  await dataPlane.createSandbox(request, DEADLINE());
  const below = `caisson/${instanceOf(stateDirectory)}/${request.id}`;
  const v1 = `/sys/fs/cgroup/memory/${below}/memory.limit_in_bytes`;
  const limit = readFileSync(existsSync(v1) ? v1 : `/sys/fs/cgroup/${below}/memory.max`, 'utf8');
  assert.equal(Number(limit), RESOURCES.memoryBytes + 128 * MIB);
});

test('the number of files on a disk workspace is limited too, and reported as full', async () => {
  await withSandbox(async (sandbox) => {
    const many = `
import errno, os
count = 0
try:
    while True:
        os.close(os.open(f"file{count}", os.O_CREAT | os.O_WRONLY)); count += 1
except OSError as error:
    print(count, errno.errorcode[error.errno])
`;
    const [count, code] = (await outputOf(sandbox, many)).trim().split(' ');
    assert.equal(code, 'ENOSPC');
    assert.ok(Number(count) > SIZE / 16_384 && Number(count) < SIZE / 4096, count);
  });
});

test('a workspace on disk is empty and private, and allows neither devices nor setuid programs', async () => {
  await withSandbox(async (sandbox) => {
    const look = `
import os
print(sorted(os.listdir(".")), os.stat(".").st_uid == os.getuid(), oct(os.stat(".").st_mode))
mount = next(line.split() for line in open("/proc/self/mounts") if line.split()[1] == "/workspace")
print(mount[2], {"nosuid", "nodev", "noatime"} <= set(mount[3].split(",")))
try: os.mknod("device", 0o600 | 0o060000, os.makedev(7, 0)); print("made")
except PermissionError: print("refused")
`;
    assert.equal(await outputOf(sandbox, look), '[] True 0o40755\next4 True\nrefused\n');
  });
});

test('a job with a large workspace gets its own sandbox with its disk', async () => {
  await using started = await startDataPlane();
  const { dataPlane } = started;
  const small = await runJob(dataPlane, 'print(1)', { request: sandboxRequest() });
  assert.equal(small.placement.scope, 'cell');
  const code = 'import os; s = os.statvfs("."); print(s.f_frsize * s.f_bavail >> 20)';
  const large = await runJob(dataPlane, code, { request: sandboxRequest({ resources: RESOURCES }) });
  assert.equal(large.placement.scope, 'sandbox');
  assert.ok(Number(large.stdout) >= SIZE / MIB && Number(large.stdout) < (SIZE / MIB) * 1.05, large.stdout);
});

test('the space of a workspace is reserved as long as it exists, within the space on disk', async () => {
  const workspaceDirectory = '/var/lib/caisson/workspaces';
  await using started = await startDataPlane('auto', {
    capacityDiskBytes: 700 * MIB,
    workspaceDirectory,
    sessionRoomWaitMs: 100,
  });
  const { dataPlane } = started;
  const available = () => {
    const { bsize, bavail } = statfsSync(workspaceDirectory);
    return bsize * bavail;
  };
  const request = () => sandboxRequest({ resources: RESOURCES });
  const before = available();
  const first = await dataPlane.createSandbox(request(), DEADLINE());
  await dataPlane.createSandbox(request(), DEADLINE());
  assert.ok(before - available() > SIZE, 'its blocks are taken before anything is written');
  await assert.rejects(dataPlane.createSandbox(request(), DEADLINE()), {
    code: 'insufficient_capacity',
    message: /not enough disk/,
  });
  await first.destroy();
  await dataPlane.createSandbox(request(), DEADLINE());
});

test('if workspaces cannot be on disk, that is reported and large ones are refused', async () => {
  // First a path that cannot be a directory, then one on a file system in memory.
  await refuseLarge('/dev/null/workspaces');
  const inMemory = mkdtempSync('/dev/caisson-test-');
  try {
    await refuseLarge(inMemory);
  } finally {
    rmSync(inMemory, { recursive: true });
  }
});

async function refuseLarge(workspaceDirectory: string): Promise<void> {
  await using started = await startDataPlane('auto', { workspaceDirectory });
  const { dataPlane } = started;
  const { runtimes, capacity } = await dataPlane.health();
  const problems = runtimes.find(({ chosen }) => chosen)?.problems ?? [];
  assert.match(problems.join(' '), /workspaces can only lie in memory/);
  assert.deepEqual([capacity.diskBytes.total, dataPlane.maximum.diskBytes], [0, 256 * MIB]);
  await assert.rejects(dataPlane.createSandbox(sandboxRequest({ resources: RESOURCES }), DEADLINE()), {
    code: 'insufficient_capacity',
  });
}

test('after kill -9 of the server, the next start leaves no mount, loop device or image', async () => {
  using home = makeServerHome();
  const first = await Server.start(home);
  const instance = instanceOf(home.stateDirectory);
  const clean = leftoversOf(home.stateDirectory, instance).filter((line) => line.startsWith('loop'));
  assert.deepEqual(clean, []);
  const { status } = await first.call('POST', '/api/v1/sessions', { body: { resources: { disk: '300Mi' } } });
  assert.equal(status, 201);
  const devices = () => leftoversOf(home.stateDirectory, instance).filter((line) => line.startsWith('loop'));
  assert.equal(devices().length, 1, 'the test would see what is left');
  await first.kill();
  await using second = await Server.start(home);
  await until('the loop device is gone', async () => Promise.resolve(devices().length === 0));
  const secondInstance = instanceOf(home.stateDirectory);
  assert.equal(await second.stop(), 0);
  assert.deepEqual(leftoversOf(home.stateDirectory, secondInstance), []);
});
