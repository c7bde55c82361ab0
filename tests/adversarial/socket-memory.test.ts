import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ISOLATION_SCOPES, newTenantId } from '@caisson/protocol/api';
import type { SandboxPlane } from '@caisson/data-plane';
import type { IsolationScope } from '@caisson/protocol/api';
import { holdJob } from '../support/held-job.ts';
import { patience } from '../support/patience.ts';
import { runJob, sandboxRequest, startDataPlane } from '../support/sandbox.ts';

const MIB = 2 ** 20;
const CODE = readFileSync(new URL('fill_sockets.py', import.meta.url), 'utf8');
const RESOURCES = { cpuMillicores: 2000, memoryBytes: 64 * MIB, diskBytes: 8 * MIB, pids: 64 };
/** Limit for its memory, its disk, /tmp and /dev/shm. */
const LIMIT_BYTES = (64 + 8 + 64 + 64) * MIB;
/** Allowance on top: 16 MiB in sockets on cgroup v1, netlink, and connections that are not accepted. */
const ALLOWANCE_BYTES = 200 * MIB;
const SLACK_BYTES = 64 * MIB;
/** Several rounds, because other programs use the host too: their use does not show in every round. */
const ROUNDS = 3;

const ALL_KINDS = [
  'TCP, accepted',
  'TCP, not accepted',
  'UDP, received',
  'UDP, held back',
  'UDP, errors',
  'Unix streams',
  'Unix datagrams',
  'netlink',
  'pipes',
  'queues of System V',
  'filters',
];

/** Both scopes have the same limits, except for those that the runtime itself sets. */
const KINDS = { crun: ALL_KINDS, runc: ['TCP, accepted', 'UDP, held back', 'netlink'] };

for (const runtime of ['crun', 'runc'] as const) {
  suite(`the kernel memory used by a sandbox of ${runtime} stays within its limit`, () => {
    const cleanup = new AsyncDisposableStack();
    const tenantId = newTenantId();
    let dataPlane: SandboxPlane;

    before(async () => {
      ({ dataPlane } = cleanup.use(await startDataPlane(runtime)));
    });
    after(async () => cleanup.disposeAsync());

    for (const isolationScope of ISOLATION_SCOPES) {
      for (const kind of KINDS[runtime]) {
        test(`${kind}, in a ${isolationScope}`, async () => {
          const taken: number[] = [];
          for (let round = 0; round < ROUNDS && !taken.some(isWithin); round++) {
            taken.push(await takeAll(dataPlane, kind, isolationScope));
          }
          assert.ok(
            taken.some(isWithin),
            `took ${taken.map((bytes) => Math.round(bytes / MIB)).join(', ')} MiB`,
          );
        });
      }

      test(`network interfaces can be listed, in a ${isolationScope}`, async () => {
        const code = `
import socket, threading
print(socket.if_nameindex())
wrong = []
def ask():
    for _ in range(20):
        try: socket.if_nameindex()
        except OSError as error: wrong.append(error)
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong)`;
        const request = sandboxRequest({ isolationScope, tenantId });
        const ran = await runJob(dataPlane, code, { request, timeoutMs: patience(120_000) });
        assert.equal(ran.stdout, "[(1, 'lo')]\n[]\n", ran.stderr);
      });
    }
  });
}

/** Drop of the host's available memory, in bytes, once the code held all it could get or was killed for it. */
async function takeAll(
  dataPlane: SandboxPlane,
  kind: string,
  isolationScope: IsolationScope,
): Promise<number> {
  const before = availableBytes();
  let least = before;
  const look = () => (least = Math.min(least, availableBytes()));
  const watch = setInterval(look, 20);
  try {
    const request = { isolationScope, resources: RESOURCES };
    await using held = await holdJob(dataPlane, `KIND = ${JSON.stringify(kind)}\n${CODE}`, request, look);
    await held.end();
  } finally {
    clearInterval(watch);
  }
  await untilGivenBack(before);
  return before - least;
}

/** Waits until the memory of the ended sandbox is freed; otherwise the next round would measure too little. */
async function untilGivenBack(before: number): Promise<void> {
  for (let round = 0; round < 500 && availableBytes() < before - SLACK_BYTES; round++) await delay(20);
}

function isWithin(bytes: number): boolean {
  return bytes <= LIMIT_BYTES + ALLOWANCE_BYTES;
}

function availableBytes(): number {
  return Number(/^MemAvailable: *(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
}
