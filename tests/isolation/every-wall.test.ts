import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { newTenantId } from '@caisson/protocol/api';
import type { SandboxPlane } from '@caisson/data-plane';
import { countsApart, hostCgroupsOf, hostLimitsOf, hostPidsOf } from '../support/host-cgroup.ts';
import { holdJob } from '../support/held-job.ts';
import { runJob, sandboxRequest, startDataPlane } from '../support/sandbox.ts';
import { MAKE_CALLS, MAKE_FOREIGN_CALL, OPEN_NETLINK, SYSTEM_CALLS } from './system-calls.ts';
import {
  COPIES,
  COVERED,
  DEV_BYTES,
  DEVICES,
  DISK_BYTES,
  FACTS,
  isReadable,
  laxMounts,
  NAMESPACE_LIMITS,
  NAMESPACES,
  RUNNER_LIMITS,
  SETTINGS,
  SIZES,
} from './wall-facts.ts';
import type { WallFacts } from './wall-facts.ts';

const MIB = 2 ** 20;
const RESOURCES = { cpuMillicores: 500, memoryBytes: 128 * MIB, diskBytes: DISK_BYTES, pids: 64 };
/** Including its disk, /tmp and /dev/shm. */
const MEMORY_BYTES = (128 + 32 + 64 + 64) * MIB;
/** For the server of a runner alone. */
const SERVER = { memoryBytes: 1024 * MIB, pids: 128 };
const MAX_NETLINK_SOCKETS = 16;
const SIGSYS = 31;
const READY = '\nprint("ready", flush=True)\nimport time\ntime.sleep(100)\n';

const onHost = { encoding: 'utf8', timeout: 20_000 } as const;
const x64 = { skip: process.arch !== 'x64' && 'numbers of x86-64' };

for (const runtime of ['crun', 'runc'] as const) {
  for (const scope of ['sandbox', 'cell'] as const) {
    suite(`each wall of a ${scope} of ${runtime}`, () => {
      const cleanup = new AsyncDisposableStack();
      const tenantId = newTenantId();
      const request = { tenantId, isolationScope: scope, resources: RESOURCES };
      let dataPlane: SandboxPlane;
      let stateDirectory: string;
      let facts: WallFacts;

      before(async () => {
        ({ dataPlane, stateDirectory } = cleanup.use(await startDataPlane(runtime)));
        facts = JSON.parse(await outputOf(FACTS)) as WallFacts;
      });
      after(async () => cleanup.disposeAsync());

      async function outputOf(code: string): Promise<string> {
        const ran = await runJob(dataPlane, code, { request: sandboxRequest(request) });
        assert.equal(ran.status, 'succeeded', ran.stderr + (ran.error?.traceback.join('') ?? ''));
        assert.equal(ran.placement.scope, scope);
        return ran.stdout.trim();
      }

      test('every namespace is private', async () => {
        await using held = await holdJob(dataPlane, FACTS + READY, request);
        // Compared while the first is alive, so that none of its inode numbers is reused.
        const second = JSON.parse(await outputOf(FACTS)) as WallFacts;
        const first = JSON.parse((await held.end()).split('\n')[0] ?? '') as WallFacts;
        for (const name of NAMESPACES) {
          const found = [first, second].map(({ namespaces }) => namespaces[name]);
          assert.equal(new Set([...found, readlinkSync(`/proc/self/ns/${name}`)]).size, 3, name);
        }
        assert.equal(facts.hostname, 'sandbox');
      });

      test('what tells of the host in /proc is covered', () => {
        const paths = scope === 'cell' ? COVERED.filter(isReadable) : COVERED;
        assert.ok(paths.length > 10, 'on every host some of them are there');
        assert.deepEqual(
          paths.filter((path) => facts.mounts[path] === undefined),
          [],
        );
      });

      test('every mount is as strict as required, and mounts do not propagate out of it', () => {
        assert.deepEqual(laxMounts(facts, scope), []);
        for (const [point, { propagation }] of Object.entries(facts.mounts))
          assert.deepEqual(propagation, [], point);
      });

      test('directories of the host are separate file systems', () => {
        const copies = Object.entries(facts.mounts).filter(([point]) => COPIES.test(point));
        assert.ok(copies.length >= 3, JSON.stringify(copies));
        for (const [point, { type }] of copies) assert.equal(type, 'overlay', point);
      });

      test('every file system in memory is limited in bytes and files', () => {
        const { '/dev': dev, ...sizes } = facts.sizes;
        assert.deepEqual(sizes, SIZES);
        assert.equal(dev?.[0], DEV_BYTES);
        assert.ok(facts.mounts['/dev/pts']?.superOptions.includes('max=16'));
      });

      test('its devices are the harmless ones', () => {
        assert.ok(facts.devices.includes('null'));
        assert.deepEqual(
          facts.devices.filter((name) => !DEVICES.has(name)),
          [],
        );
      });

      test('its network namespace and its user namespace have their settings', async () => {
        assert.deepEqual(facts.settings, SETTINGS);
        if (scope === 'sandbox') {
          assert.deepEqual(facts.namespaceLimits, NAMESPACE_LIMITS);
          return;
        }
        assert.equal(facts.groups, 'deny');
        // A cell has its own user namespace below the one that has the limits.
        await using held = await holdJob(dataPlane, READY, request);
        const [pid] = serverPids();
        assert.ok(pid !== undefined);
        for (const [name, value] of Object.entries(RUNNER_LIMITS)) {
          const found: string = execFileSync(
            'nsenter',
            ['--user', '--target', String(pid), 'cat', `/proc/sys/user/${name}`],
            onHost,
          );
          assert.equal(found.trim(), value, name);
        }
        await held.end();
      });

      test('the kernel limits its memory, processes, CPU and sockets to those of the request', async () => {
        const code = 'import os\nprint(os.readlink("/proc/self/ns/net"))';
        await using held = await holdJob(dataPlane, code + READY, request);
        // The cgroup whose processes are in the namespace that the code printed.
        const found = hostCgroupsOf(stateDirectory).flatMap((path) =>
          hostPidsOf(stateDirectory, path).map((pid) => ({ path, namespace: namespaceOf(pid) })),
        );
        const limits = new Map(found.map(({ path }) => [path, hostLimitsOf(stateDirectory, path)]));
        const [namespace] = (await held.end()).split('\n');
        const path = found.find((each) => each.namespace === namespace)?.path;
        assert.ok(path !== undefined, JSON.stringify({ namespace, found }));
        const { sockets, swap } = countsApart();
        assert.deepEqual(limits.get(path), {
          memoryBytes: MEMORY_BYTES,
          memoryAndSwapBytes: swap ? MEMORY_BYTES : null,
          cpu: [50_000, 100_000],
          pids: scope === 'cell' ? RESOURCES.pids : RESOURCES.pids + 1,
          socketBytes: sockets ? 16 * MIB : null,
        });
        if (scope === 'sandbox') return;
        const server = hostCgroupsOf(stateDirectory).find((each) => each.endsWith('/server'));
        assert.ok(server !== undefined);
        const { memoryBytes, memoryAndSwapBytes, pids } = hostLimitsOf(stateDirectory, server);
        assert.deepEqual({ memoryBytes, pids }, SERVER);
        if (swap) assert.equal(memoryAndSwapBytes, SERVER.memoryBytes);
      });

      test('a process that spins gets its share of the CPU and no more', async () => {
        const code = `
import time
began = time.monotonic()
while time.process_time() < 0.4: pass
print(time.process_time() / (time.monotonic() - began))`;
        const share = Number(await outputOf(code));
        assert.ok(share < 0.75, `${share} of a processor, where half of one was asked for`);
      });

      test('system calls that lead to more are refused, each by name', x64, async () => {
        const lines = (await outputOf(MAKE_CALLS)).split('\n');
        assert.deepEqual(
          lines,
          SYSTEM_CALLS.map(({ name, answers }) => `${name}: ${answers}`),
        );
      });

      test('a system call by the table of 32-bit programs ends its process', x64, async () => {
        assert.equal(await outputOf(MAKE_FOREIGN_CALL), String(-SIGSYS));
      });

      test('it gets a few netlink sockets at most', async () => {
        assert.equal(await outputOf(OPEN_NETLINK), `${MAX_NETLINK_SOCKETS} EMFILE`);
      });

      /** Host pids of the runners' fork servers. */
      function serverPids(): number[] {
        return hostCgroupsOf(stateDirectory)
          .filter((path) => path.endsWith('/server'))
          .flatMap((path) => hostPidsOf(stateDirectory, path));
      }
    });
  }
}

test('on the host itself, the same checks find what a sandbox must not have', () => {
  const facts = JSON.parse(execFileSync('python3', ['-c', FACTS], onHost)) as WallFacts;
  for (const name of NAMESPACES) assert.equal(facts.namespaces[name], readlinkSync(`/proc/self/ns/${name}`));
  assert.ok(COVERED.some((path) => facts.mounts[path] === undefined));
  assert.notDeepEqual(laxMounts(facts, 'sandbox'), []);
  assert.notDeepEqual(facts.namespaceLimits, NAMESPACE_LIMITS);
  assert.notDeepEqual(facts.settings, SETTINGS);
});

test('on the host itself, every system call of the list is answered differently', x64, () => {
  const lines = execFileSync('python3', ['-c', MAKE_CALLS], onHost).trim().split('\n');
  const expected = new Set(SYSTEM_CALLS.map(({ name, answers }) => `${name}: ${answers}`));
  assert.deepEqual(
    lines.filter((line) => expected.has(line)),
    [],
  );
});

/** Network namespace of a host process; `undefined` if it has ended. */
function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
