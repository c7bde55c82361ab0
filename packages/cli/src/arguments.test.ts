import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCount, parseEnv, parseJson, parsePort, parseSeconds } from './arguments.ts';

test('variables are collected, and their values may hold anything', () => {
  assert.deepEqual(parseEnv('B=', parseEnv('A=x=y')), { A: 'x=y', B: '' });
  for (const text of ['', 'A', '=x']) assert.throws(() => parseEnv(text), /NAME=VALUE/, text);
});

test('numbers and JSON are taken whole or refused', () => {
  assert.deepEqual(
    [parsePort('0'), parsePort('65535'), parseSeconds('0.5'), parseCount('9999')],
    [0, 65535, 0.5, 9999],
  );
  assert.deepEqual(parseJson('{"a":[1]}'), { a: [1] });
  for (const text of ['', '-1', '65536', '80a', '8 0'])
    assert.throws(() => parsePort(text), /0 to 65535/, text);
  for (const text of ['', '0', '-1', 'x', 'Infinity'])
    assert.throws(() => parseSeconds(text), /seconds/, text);
  for (const text of ['0', '10000', '1.5']) assert.throws(() => parseCount(text), /1 to 9999/, text);
  assert.throws(() => parseJson('{'), /JSON/);
});
