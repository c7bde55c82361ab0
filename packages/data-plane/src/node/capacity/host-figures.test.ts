import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCgroups } from '../../cgroups/find-cgroups.ts';
import { parseDescriptorLimit, readHostFigures } from './host-figures.ts';

test('the soft limit of open files is used', () => {
  const line = (soft: string) =>
    `Max processes   1 2 processes\nMax open files            ${soft}   4096   files\n`;
  assert.equal(parseDescriptorLimit(line('1024')), 1024);
  assert.equal(parseDescriptorLimit(line('unlimited')), Infinity);
});

test('all figures of this machine are finite', () => {
  const cgroups = findCgroups();
  assert.ok(cgroups);
  const { disk, ...figures } = readHostFigures(cgroups, undefined);
  assert.equal(disk, undefined);
  for (const [name, value] of Object.entries(figures)) {
    assert.ok(Number.isFinite(value) && value > 0, `${name}: ${value}`);
  }
});
