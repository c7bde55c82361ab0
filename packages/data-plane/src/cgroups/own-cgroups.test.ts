import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOwnCgroups } from './own-cgroups.ts';

test('the cgroup of this process is found by controller on v1, and by the empty name on v2', () => {
  const v1 = parseOwnCgroups('9:name=systemd:/\n4:memory:/a/b\n2:cpu,cpuacct:/c:d\n0::/\n');
  assert.deepEqual([v1('memory'), v1('cpuacct'), v1('pids')], ['/a/b', '/c:d', '/']);
  const v2 = parseOwnCgroups('0::/user.slice/x\n');
  assert.equal(v2(''), '/user.slice/x');
});
