import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCgroupLayout } from '../cgroups/cgroup-layout.ts';
import { parseDescriptorLimit, parseOwnCgroups, readHostFigures } from './host-figures.ts';

test('the cgroup of this process is found by controller on v1, and as one on v2', () => {
  const v1 = parseOwnCgroups('9:name=systemd:/\n4:memory:/a/b\n2:cpu,cpuacct:/c:d\n0::/\n', false);
  assert.deepEqual([v1('memory'), v1('cpuacct'), v1('pids')], ['/a/b', '/c:d', '/']);
  const v2 = parseOwnCgroups('0::/user.slice/x\n', true);
  assert.equal(v2('memory'), '/user.slice/x');
});

test('the soft limit of open files counts', () => {
  const line = (soft: string) =>
    `Max processes   1 2 processes\nMax open files            ${soft}   4096   files\n`;
  assert.equal(parseDescriptorLimit(line('1024')), 1024);
  assert.equal(parseDescriptorLimit(line('unlimited')), Infinity);
});

test('this machine tells finite figures', () => {
  const layout = readCgroupLayout();
  assert.ok(layout);
  const { disk, ...figures } = readHostFigures(layout, undefined);
  assert.equal(disk, undefined);
  for (const [name, value] of Object.entries(figures)) {
    assert.ok(Number.isFinite(value) && value > 0, `${name}: ${value}`);
  }
});
