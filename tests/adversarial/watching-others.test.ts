import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { ISOLATION_SCOPES, newTenantId } from '@caisson/protocol/api';
import type { SandboxPlane } from '@caisson/data-plane';
import { holdJob } from '../support/held-job.ts';
import { patience } from '../support/patience.ts';
import { runJob, sandboxRequest, startDataPlane } from '../support/sandbox.ts';

/** Watches everything that sandboxes share; when interrupted, prints what it saw of others, and then of itself. */
const WATCH = `
import ctypes, glob, os, signal
libc = ctypes.CDLL(None, use_errno=True)
watcher = libc.inotify_init1(os.O_NONBLOCK)
library = os.path.dirname(os.__file__)
paths = ['/', '/usr', '/usr/bin', library, library + '/json', library + '/json/decoder.py', library + '/wave.py', '/etc',
         '/etc/ld.so.cache', '/etc/passwd', '/opt/caisson', '/opt/caisson/init', '/opt/caisson/bin', '/opt/caisson/bin/node',
         '/opt/caisson/kernels', '/opt/caisson/kernels/python', '/opt/caisson/kernels/python/kernel.py',
         '/opt/caisson/kernels/python/caisson_kernel', os.path.realpath('/usr/bin/python3'), '/usr/bin/true']
watches = {libc.inotify_add_watch(watcher, path.encode(), 0xfff): path for path in paths}
def seen():
    try:
        data = os.read(watcher, 1 << 16)
    except BlockingIOError:
        return []
    names = set()
    while data:
        watch, mask, cookie, length = (int.from_bytes(data[at:at + 4], 'little', signed=at == 0) for at in (0, 4, 8, 12))
        names.add(watches.get(watch, '?') + ':' + data[16:16 + length].rstrip(b'\\0').decode())
        data = data[16 + length:]
    return sorted(names)
assert -1 not in watches
seen()
try:
    os.write(1, b'ready\\n')
    while True: signal.pause()
except KeyboardInterrupt:
    print('others:', seen())
    open(library + '/json/decoder.py').close()
    print('itself:', library + '/json:decoder.py' in seen())
`;

/** A runner of the same tenant creates its next cell. */
const OWN_RUNNER = "['/opt/caisson/init:']";

for (const runtime of ['crun', 'runc'] as const) {
  suite(`in a sandbox of ${runtime}`, () => {
    const cleanup = new AsyncDisposableStack();
    let dataPlane: SandboxPlane;

    before(async () => {
      ({ dataPlane } = cleanup.use(await startDataPlane(runtime)));
    });
    after(async () => cleanup.disposeAsync());

    for (const isolationScope of ISOLATION_SCOPES) {
      test(`a job in a ${isolationScope} cannot watch which files other tenants and the host open`, async () => {
        await using watching = await holdJob(dataPlane, WATCH, { isolationScope });
        for (const otherScope of ISOLATION_SCOPES) {
          const request = sandboxRequest({ isolationScope: otherScope, tenantId: newTenantId() });
          const code =
            'import json, subprocess, sys, wave\nsubprocess.run(["/usr/bin/true"])\nprint(wave.__file__)';
          const other = await runJob(dataPlane, code, { request, timeoutMs: patience(120_000) });
          assert.equal(other.status, 'succeeded', `${other.reason}: ${other.stderr} ${other.error?.message}`);
          readFileSync(other.stdout.trim());
        }
        const output = await watching.end();
        const ofOthers = isolationScope === 'cell' ? output.replace(OWN_RUNNER, '[]') : output;
        assert.equal(ofOthers, 'ready\nothers: []\nitself: True\n');
      });
    }
  });
}
