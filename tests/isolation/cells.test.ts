import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { newTenantId } from '@caisson/protocol/api';
import type { SandboxPlane } from '@caisson/data-plane';
import type { TenantId } from '@caisson/protocol/api';
import { instanceOf, leftoversOf } from '../support/leftovers.ts';
import { runJob, sandboxRequest, startDataPlane } from '../support/sandbox.ts';
import type { RanJob, StepOverrides } from '../support/sandbox.ts';
import { NEIGHBOUR, PROBE_PRELUDE, PROBES } from './cells.probes.ts';

const MIB = 2 ** 20;
/** The runner of a job is chosen by the modules that its code imports: these jobs must all share one. */
const IN_ONE_RUNNER = '\n# asyncio\n';

for (const runtime of ['crun', 'runc'] as const) {
  suite(`two cells of one tenant, in a runner of ${runtime}`, () => {
    const cleanup = new AsyncDisposableStack();
    const tenantId = newTenantId();
    let cells: CellHost;

    before(async () => {
      cells = cleanup.use(await startCells(runtime));
    });
    after(async () => cleanup.disposeAsync());

    for (const probe of PROBES) {
      test(probe.name, async () => {
        await using neighbour = await startNeighbour(cells.dataPlane, tenantId);
        const ran = await runInCell(cells.dataPlane, tenantId, PROBE_PRELUDE + probe.code);
        assert.match(ran.stdout.trim(), probe.prints, ran.stderr + (ran.error?.traceback.join('') ?? ''));
        assert.equal(await neighbour.end(), 'whole');
      });
    }

    for (const [name, code, step] of [
      ['one that takes all memory', 'x = bytearray(10 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1', {}],
      [
        'one that takes all processes',
        'import os\nwhile True:\n  try: os.fork()\n  except OSError: pass',
        { timeoutMs: 500 },
      ],
      [
        'one that kills all it can',
        'import os\nfor pid in (-1, 1, os.getpid()):\n  try: os.kill(pid, 9)\n  except OSError: pass',
        {},
      ],
      [
        'one that fills its disks',
        'for path in ("/tmp/x", "/workspace/x", "/dev/shm/x"):\n  try: open(path, "wb").write(bytes(70 << 20))\n  except OSError as error: print(error.errno)',
        {},
      ],
      [
        'one that leaves daemons',
        'import os, time\nfor _ in range(9):\n  if os.fork() == 0:\n    os.setsid()\n    while True: time.sleep(1)',
        {},
      ],
      [
        'one that breaks the protocol',
        'import os\nfor fd in range(3, 999):\n  try: os.write(fd, b"\\xff{}\\n" * 99)\n  except OSError: pass\nos.closerange(0, 999)',
        {},
      ],
    ] as const) {
      test(`${name} harms neither its neighbour nor the runner, and leaves nothing`, async () => {
        await using neighbour = await startNeighbour(cells.dataPlane, tenantId);
        const servers = cells.serverPids();
        await runInCell(cells.dataPlane, tenantId, code, step);
        assert.equal(await neighbour.end(), 'whole');
        const next = await runInCell(cells.dataPlane, tenantId, PROBE_PRELUDE + (PROBES[0]?.code ?? ''));
        assert.equal(next.stdout, '[]\n');
        assert.deepEqual(cells.serverPids(), servers);
        await cells.untilOnlyReadyCells();
      });
    }
  });
}

suite('cells', () => {
  const cleanup = new AsyncDisposableStack();
  let cells: CellHost;

  before(async () => {
    cells = cleanup.use(await startCells('auto'));
  });
  after(async () => cleanup.disposeAsync());

  test('random numbers differ between cells', async () => {
    const tenantId = newTenantId();
    const code = `
import multiprocessing, os, random, secrets, ssl, tempfile, uuid
print(random.random(), uuid.uuid4(), uuid.uuid1(), tempfile.mktemp(), secrets.token_hex(8), ssl.RAND_bytes(8), os.urandom(8).hex(), multiprocessing.current_process().authkey[:8], sep='\\n')
try:
    import numpy
    print(numpy.random.random(), numpy.random.default_rng().random(), sep='\\n')
except ImportError:
    pass`;
    const seen = await Promise.all([1, 2, 3, 4].map(async () => runInCell(cells.dataPlane, tenantId, code)));
    const lines = seen.map(({ stdout }) => stdout.trim().split('\n'));
    for (const [index, value] of (lines[0] ?? []).entries()) {
      assert.equal(new Set(lines.map((each) => each[index])).size, lines.length, value);
    }
  });

  test('each cell has its own ids', async () => {
    const tenantId = newTenantId();
    const code = 'print(open("/proc/self/uid_map").read())';
    const ran = await Promise.all([1, 2, 3].map(async () => runInCell(cells.dataPlane, tenantId, code)));
    const ids = ran.map(({ stdout }) => stdout.trim().split(/\s+/)[1]);
    assert.equal(new Set(ids).size, ids.length, ids.join(' '));
  });

  test('two tenants never share a runner', async () => {
    const code = 'import os\nprint(os.stat("/usr").st_dev, hash("a"))';
    const [first, again, other] = [newTenantId(), newTenantId()].flatMap((id) => [id, id]).slice(0, 3);
    assert.ok(first !== undefined && again !== undefined && other !== undefined);
    const hashes: string[] = [];
    for (const tenantId of [first, again, other]) {
      hashes.push((await runInCell(cells.dataPlane, tenantId, code)).stdout);
    }
    assert.equal(hashes[0], hashes[1]);
    assert.notEqual(hashes[0], hashes[2]);
  });

  test('the limits are those of the job, even if cells of another size are ready', async () => {
    const tenantId = newTenantId();
    await runInCell(cells.dataPlane, tenantId, 'print(1)');
    const resources = { cpuMillicores: 500, memoryBytes: 64 * MIB, diskBytes: 8 * MIB, pids: 8 };
    const code = `
import os, resource
print(os.statvfs('/workspace').f_blocks * os.statvfs('/workspace').f_frsize >> 20, resource.getrlimit(resource.RLIMIT_FSIZE)[0] >> 20)
count = 0
try:
    while True:
        if os.fork() == 0: import time; time.sleep(60)
        count += 1
except OSError: print(count)`;
    const request = sandboxRequest({ tenantId, isolationScope: 'cell', resources });
    const ran = await runJob(cells.dataPlane, code, { request });
    assert.equal(ran.stdout, '8 64\n7\n');
    const memory = await runJob(cells.dataPlane, 'x = b"x" * (300 << 20)', { request });
    assert.equal(memory.reason, 'out_of_memory');
  });

  test('memory and its peak are counted per cell', async () => {
    const tenantId = newTenantId();
    const big = await runInCell(cells.dataPlane, tenantId, 'x = b"x" * (90 << 20)');
    assert.ok((big.usage?.peakMemoryBytes ?? 0) > 90 * MIB);
    for (let round = 0; round < 40; round++) {
      const { usage, status } = await runInCell(cells.dataPlane, tenantId, 'x = 1');
      assert.equal(status, 'succeeded');
      assert.ok((usage?.peakMemoryBytes ?? 0) < 40 * MIB, String(usage?.peakMemoryBytes));
    }
  });

  test('a cancelled job ends, and its output is kept', async () => {
    const neighbour = await startNeighbour(cells.dataPlane, newTenantId());
    assert.equal(await neighbour.end(), 'whole');
  });

  test('jobs that are cancelled at any moment do not affect others', async () => {
    const tenantId = newTenantId();
    await using neighbour = await startNeighbour(cells.dataPlane, tenantId);
    const servers = cells.serverPids();
    for (const turns of [0, 1, 2, 4, 8, 16, 32]) {
      const controller = new AbortController();
      const ended = Promise.allSettled(
        Array.from({ length: 4 }, async () =>
          runJob(cells.dataPlane, `import time\ntime.sleep(60)${IN_ONE_RUNNER}`, {
            request: sandboxRequest({ tenantId, isolationScope: 'cell' }),
            signal: controller.signal,
          }),
        ),
      );
      for (let turn = 0; turn < turns; turn++) await setImmediate();
      controller.abort();
      for (const job of await ended)
        if (job.status === 'fulfilled') assert.equal(job.value.status, 'cancelled');
    }
    assert.equal(await neighbour.end(), 'whole');
    assert.deepEqual(cells.serverPids(), servers);
  });

  test('a job whose runner is killed ends as sandbox_lost, and the next has another runner', async () => {
    const tenantId = newTenantId();
    const known = cells.serverPids();
    const neighbour = await startNeighbour(cells.dataPlane, tenantId);
    const [server] = cells.serverPids().filter((pid) => !known.includes(pid));
    assert.ok(server !== undefined);
    process.kill(server, 'SIGKILL');
    await assert.rejects(neighbour.ended, { code: 'sandbox_lost' });
    assert.equal((await runInCell(cells.dataPlane, tenantId, 'print(1)')).stdout, '1\n');
    assert.ok(!cells.serverPids().includes(server));
  });

  test('jobs beyond the capacity of one runner all get a cell', async () => {
    const tenantId = newTenantId();
    const jobs = Array.from({ length: 60 }, async (_, number) =>
      runJob(cells.dataPlane, `import time\ntime.sleep(0.3)\nprint(${number})`, {
        request: sandboxRequest({ tenantId }),
      }),
    );
    const outputs = (await Promise.all(jobs)).map(({ stdout }) => Number(stdout));
    assert.deepEqual(outputs, Array.from(jobs.keys()));
  });

  test('isolation_scope sandbox and other languages get a sandbox', async () => {
    const inSandbox = await runJob(cells.dataPlane, 'print(1)', {
      request: sandboxRequest({ isolationScope: 'sandbox' }),
    });
    assert.equal(inSandbox.placement.scope, 'sandbox');
    const shell = await runJob(cells.dataPlane, 'echo 1', { language: 'shell' });
    assert.equal(shell.placement.scope, 'sandbox');
  });
});

test('nothing is left when the data plane ends while cells run', async () => {
  const started = await startDataPlane();
  const { stateDirectory, dataPlane } = started;
  const instance = instanceOf(stateDirectory);
  const neighbour = await startNeighbour(dataPlane, newTenantId());
  const ended = neighbour.ended.catch(() => undefined);
  await started[Symbol.asyncDispose]();
  await ended;
  assert.deepEqual(leftoversOf(stateDirectory, instance), []);
});

interface CellHost extends AsyncDisposable {
  readonly dataPlane: SandboxPlane;
  /** Host pids of the fork servers. */
  serverPids(): number[];
  /** Resolves when every process of the runners is a fork server, or belongs to a cell that waits for a job. */
  untilOnlyReadyCells(): Promise<void>;
}

async function startCells(runtime: 'auto' | 'crun' | 'runc'): Promise<CellHost> {
  const started = await startDataPlane(runtime);
  const cgroup = join('/sys/fs/cgroup', existsSync('/sys/fs/cgroup/pids') ? 'pids' : '', 'caisson');
  const below = () => {
    const directory = join(cgroup, instanceOf(started.stateDirectory));
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('cgroup.procs'))
      .map((path) => ({
        path,
        pids: readFileSync(join(directory, path), 'utf8').trim().split('\n').filter(Boolean),
      }));
  };
  return {
    dataPlane: started.dataPlane,
    serverPids: () =>
      below()
        .filter(({ path }) => path.endsWith('/server/cgroup.procs'))
        .flatMap(({ pids }) => pids.filter(isFirstOfItsNamespace).map(Number)),
    untilOnlyReadyCells: async () => {
      const crowded = () => below().filter(({ path, pids }) => path.includes('/cell-') && pids.length > 1);
      for (let round = 0; crowded().length > 0; round++) {
        assert.ok(round < 200, JSON.stringify(crowded()));
        await delay(10);
      }
    },
    [Symbol.asyncDispose]: async () => started[Symbol.asyncDispose](),
  };
}

/** Whether it is process 1 of a runner, not of a namespace inside it, and has not ended. */
function isFirstOfItsNamespace(pid: string): boolean {
  try {
    const [, numbers] = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return /^\d+\t1$/.test(numbers ?? '');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

async function runInCell(
  dataPlane: SandboxPlane,
  tenantId: TenantId,
  code: string,
  step: StepOverrides = {},
): Promise<RanJob> {
  const ran = await runJob(dataPlane, code + IN_ONE_RUNNER, {
    ...step,
    request: sandboxRequest({ tenantId, isolationScope: 'cell' }),
  });
  assert.equal(ran.placement.scope, 'cell');
  return ran;
}

interface Neighbour extends AsyncDisposable {
  readonly ended: Promise<RanJob>;
  /** Cancels it and returns its report. */
  end(): Promise<string>;
}

/** A job that runs in another cell of the tenant until cancelled. */
async function startNeighbour(dataPlane: SandboxPlane, tenantId: TenantId): Promise<Neighbour> {
  const controller = new AbortController();
  const ready = Promise.withResolvers<undefined>();
  const request = sandboxRequest({ tenantId, isolationScope: 'cell' });
  const ended = runJob(
    dataPlane,
    NEIGHBOUR + IN_ONE_RUNNER,
    { request, signal: controller.signal, timeoutMs: 60_000 },
    (event) => {
      if (event.type === 'stdout' && event.text.includes('ready')) ready.resolve(undefined);
    },
  );
  ended.then(({ stderr, error }) => {
    ready.reject(new Error(`${stderr} ${error?.message ?? ''}`));
  }, ready.reject);
  await ready.promise;
  return {
    ended,
    end: async () => {
      controller.abort();
      const { stdout, placement } = await ended;
      assert.equal(placement.scope, 'cell');
      return stdout.trim().split('\n').at(-1) ?? '';
    },
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await ended;
    },
  };
}
