import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesWithin, parseBytes, parseMillicores } from './quantities.ts';

test('byte quantities are read as Kubernetes reads them', () => {
  const cases: [string, number | undefined][] = [
    ['512Mi', 536_870_912],
    ['1Gi', 1_073_741_824],
    ['1G', 1_000_000_000],
    ['1.5Gi', 1_610_612_736],
    ['64Ki', 65_536],
    ['1048576', 1_048_576],
    ['', undefined],
    ['Mi', undefined],
    ['-1Mi', undefined],
    ['1mi', undefined],
    ['1 Mi', undefined],
    ['1e9', undefined],
    ['Infinity', undefined],
  ];
  for (const [text, bytes] of cases) assert.equal(parseBytes(text), bytes, text);
});

test('cpu quantities are read as Kubernetes reads them', () => {
  const cases: [string, number | undefined][] = [
    ['1', 1000],
    ['0.5', 500],
    ['250m', 250],
    ['1.25', 1250],
    ['', undefined],
    ['-1', undefined],
    ['1c', undefined],
    ['0.0005', undefined],
  ];
  for (const [text, millicores] of cases) assert.equal(parseMillicores(text), millicores, text);
});

test('a quantity out of bounds says what the bounds are', () => {
  const result = bytesWithin({ min: 2 ** 20, max: 2 ** 30 }).safeParse('2Gi');
  assert.equal(result.error?.issues[0]?.message, 'must be between 1Mi and 1024Mi');
});
