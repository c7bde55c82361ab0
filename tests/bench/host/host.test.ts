import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryOf, parseSmapsRollup } from './memory.ts';
import {
  isWithin,
  listProcesses,
  longestCgroupPath,
  sandboxCgroup,
  serverCgroup,
  withDescendants,
} from './processes.ts';

test('the longest cgroup path of a process counts, with one hierarchy and with several', () => {
  assert.equal(longestCgroupPath('0::/caisson/i/s\n'), '/caisson/i/s');
  assert.equal(longestCgroupPath('3:pids:/caisson/i/s\n1:name=systemd:/x:y\n0::/\n'), '/caisson/i/s');
});

test('sandbox and server are found from any cgroup below them', () => {
  assert.equal(sandboxCgroup('/caisson/i/sbx_1/cell/2'), '/caisson/i/sbx_1');
  assert.equal(sandboxCgroup('/outer/caisson/i/sbx_1'), '/outer/caisson/i/sbx_1');
  assert.equal(sandboxCgroup('/caisson/i'), undefined);
  assert.equal(serverCgroup('/caisson/i/sbx_1'), '/caisson/i');
  assert.equal(serverCgroup('/user.slice/session-1'), undefined);
});

test('a cgroup is not within another whose name is only a prefix', () => {
  assert.ok(isWithin('/caisson/i/s/cell', '/caisson/i/s'));
  assert.ok(isWithin('/caisson/i/s', '/caisson/i/s'));
  assert.ok(!isWithin('/caisson/i/sb', '/caisson/i/s'));
});

test('descendants are found through all generations', () => {
  const process = (pid: number, parent: number) => ({ pid, parent, pidNamespace: '', cgroup: '' });
  const all = [process(1, 0), process(9, 8), process(5, 1), process(8, 5), process(7, 1)];
  assert.deepEqual(
    withDescendants(all, 5).map(({ pid }) => pid),
    [5, 8, 9],
  );
});

test('memory is read from the kernel in MiB', () => {
  const text =
    'Rss: 9000 kB\nPss:                2048 kB\nPrivate_Clean:  512 kB\nPrivate_Dirty:     512 kB\n';
  assert.deepEqual(parseSmapsRollup(text), { pssMib: 2, ussMib: 1 });
});

test('this process is found, and uses memory', () => {
  assert.ok(listProcesses().some(({ pid }) => pid === process.pid));
  const { pssMib, ussMib } = memoryOf([process.pid]);
  assert.ok(pssMib >= ussMib && ussMib > 1, `${pssMib} ${ussMib}`);
});
