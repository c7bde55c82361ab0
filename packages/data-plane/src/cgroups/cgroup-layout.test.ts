import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCgroupLayout } from './cgroup-layout.ts';
import type { CgroupLayout } from './cgroup-layout.ts';

const V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate';
const V1 = [
  '31 30 0:27 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory',
  '32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct',
  '33 30 0:29 / /sys/fs/cgroup/systemd rw shared:12 - cgroup cgroup rw,xattr,name=systemd',
].join('\n');
const UNIFIED = '34 30 0:30 / /sys/fs/cgroup/unified rw shared:13 - cgroup2 cgroup2 rw';

function parse(mountinfo: string): CgroupLayout {
  const layout = parseCgroupLayout(mountinfo);
  assert.ok(layout);
  return layout;
}

test('a host with cgroup v2 alone has one hierarchy for every controller', () => {
  const layout = parse(V2);
  assert.equal(layout.version, 'v2');
  assert.deepEqual([layout.unified, layout.controllers.size], ['/sys/fs/cgroup', 0]);
});

test('a host with cgroup v1 has a hierarchy for each controller, two of which may share one', () => {
  const layout = parse(V1);
  assert.equal(layout.version, 'v1');
  assert.equal(layout.controllers.get('cpuacct'), '/sys/fs/cgroup/cpu,cpuacct');
  assert.equal(layout.controllers.get('pids'), undefined);
  assert.equal(layout.mountPoints.length, 3);
});

test('a host with both counts as hybrid, and its controllers are the v1 ones', () => {
  const layout = parse(`${V1}\n${UNIFIED}`);
  assert.equal(layout.version, 'hybrid');
  assert.equal(layout.unified, '/sys/fs/cgroup/unified');
  assert.equal(layout.controllers.get('memory'), '/sys/fs/cgroup/memory');
});

test('a host without cgroups has no layout', () => {
  assert.equal(parseCgroupLayout('25 1 0:22 / /proc rw - proc proc rw'), undefined);
});
