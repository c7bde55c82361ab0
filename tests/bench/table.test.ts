import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatNumber, formatTable } from './table.ts';

test('columns are as wide as their widest cell, numbers to the right, words to the left', () => {
  const table = formatTable(
    ['measure', 'p50', 'note'],
    [
      ['a', '1', 'x'],
      ['longer name', '1000', ''],
    ],
    ['note'],
  );
  assert.deepEqual(table.split('\n'), [
    'measure       p50  note',
    '───────────  ────  ────',
    'a               1  x',
    'longer name  1000',
  ]);
});

test('a missing table cell is empty', () => {
  assert.equal(formatTable(['a', 'b'], [['1']]), 'a  b\n─  ─\n1');
});

test('numbers have three significant digits', () => {
  const formatted = [0, 0.01234, 0.6, 1.234, 12.34, 123.4, 12_345.6, -5.678].map(formatNumber);
  assert.deepEqual(formatted, ['0', '0.012', '0.600', '1.23', '12.3', '123', '12346', '-5.68']);
  assert.equal(formatNumber(undefined), '–');
  assert.equal(formatNumber(NaN), '–');
});
