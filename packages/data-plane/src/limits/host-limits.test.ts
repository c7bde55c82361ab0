import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HOST_LIMITS, hostLimitProblems, readHostLimits } from './host-limits.ts';
import type { HostLimits } from './host-limits.ts';

const SHARE = { files: 100_000, processes: 100, terminals: 16, inotifyInstances: 128 };
const LARGE: HostLimits = {
  ...Object.fromEntries(HOST_LIMITS.map((name) => [name, 10 ** 9])),
  'kernel.pty.reserve': 1024,
};

suite('limits of the host that sandboxes could exhaust are reported, with a sufficient value', () => {
  for (const [what, limits, problems] of [
    ['a large host', LARGE, []],
    ['a kernel without any of them', {}, []],
    ['files for the sandboxes and none for the host', { 'fs.file-max': 1_000_000 }, ['fs.file-max=1333334']],
    ['files for both', { 'fs.file-max': 1_333_334 }, []],
    [
      'few processes',
      { 'kernel.pid_max': 1000, 'kernel.threads-max': 1333 },
      ['kernel.pid_max=1334', 'kernel.threads-max=1334'],
    ],
    ['terminals', { 'kernel.pty.max': 160 }, []],
    [
      'terminals, with a reserve',
      { 'kernel.pty.max': 160, 'kernel.pty.reserve': 10 },
      ['kernel.pty.max=170'],
    ],
    [
      'inotify for half a sandbox',
      { 'fs.inotify.max_user_instances': 64 },
      ['fs.inotify.max_user_instances=128'],
    ],
    ['inotify for one, which is that of its own user', { 'fs.inotify.max_user_instances': 128 }, []],
  ] as const) {
    test(what, () => {
      const said = hostLimitProblems(limits, 10, SHARE);
      assert.deepEqual(
        said.map((text) => /sysctl -w (\S+)\)$/.exec(text)?.[1]),
        problems,
      );
    });
  }
});

test('the limits of this host are read', () => {
  const limits = readHostLimits();
  for (const name of HOST_LIMITS) assert.ok((limits[name] ?? 0) > 0, name);
});
