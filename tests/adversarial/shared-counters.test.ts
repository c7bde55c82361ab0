import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { ISOLATION_SCOPES } from '@caisson/protocol/api';
import type { SandboxPlane } from '@caisson/data-plane';
import { holdJob } from '../support/held-job.ts';
import { patience } from '../support/patience.ts';
import { runJob, sandboxRequest, startDataPlane } from '../support/sandbox.ts';

const CODE = readFileSync(new URL('take_counters.py', import.meta.url), 'utf8');
const ENOSYS = 38;
/** What others still get while one sandbox has taken all it can: `[count, final error]`. */
const SOME = 4;
const takeSome = `MOST = ${SOME}\n${CODE}`;
const got = [SOME, null];
const missing = [0, ENOSYS];
const OTHERS = { inotify: got, terminals: got, timers: got, signals: got, aio: missing, queues: missing };
const HOST = { ...OTHERS, aio: got, queues: got };
/** The most one sandbox may get of each. */
const MOST = {
  sandbox: { inotify: 32, terminals: 16, timersAndSignals: 128 },
  cell: { inotify: 4, terminals: 16, timersAndSignals: 128 },
};

// The code uses the system call numbers of x86-64.
const options = { skip: process.arch !== 'x64' && 'numbers of x86-64' };

for (const runtime of ['crun', 'runc'] as const) {
  suite(`a sandbox of ${runtime} that takes all it can of host-wide resources`, options, () => {
    const cleanup = new AsyncDisposableStack();
    let dataPlane: SandboxPlane;

    before(async () => {
      ({ dataPlane } = cleanup.use(await startDataPlane(runtime)));
    });
    after(async () => cleanup.disposeAsync());

    for (const isolationScope of ISOLATION_SCOPES) {
      test(`leaves enough to the host and to others, in a ${isolationScope}`, async () => {
        await using held = await holdJob(dataPlane, `MOST = None\n${CODE}`, { isolationScope });
        const host = execFileSync('/usr/bin/python3', ['-c', takeSome], {
          timeout: 20_000,
          encoding: 'utf8',
        });
        assert.deepEqual(JSON.parse(host), HOST);
        for (const otherScope of ISOLATION_SCOPES) {
          const request = sandboxRequest({ isolationScope: otherScope });
          const other = await runJob(dataPlane, takeSome, { request, timeoutMs: patience(120_000) });
          assert.deepEqual(JSON.parse(other.stdout), OTHERS, otherScope);
        }
        const [line = ''] = (await held.end()).split('\n');
        const taken = JSON.parse(line) as Record<keyof typeof OTHERS, number>;
        const most = MOST[isolationScope];
        assert.ok(taken.inotify > 0 && taken.inotify <= most.inotify, line);
        assert.ok(taken.terminals > 0 && taken.terminals <= most.terminals, line);
        assert.ok(taken.timers > 0 && taken.timers + taken.signals <= most.timersAndSignals, line);
        assert.deepEqual([taken.aio, taken.queues], [0, 0], line);
      });
    }
  });
}
