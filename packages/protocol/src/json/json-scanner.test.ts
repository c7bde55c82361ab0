import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findJsonProblem, JsonScanner } from './json-scanner.ts';

const LIMITS = { maxDepth: 8, maxValues: 100, lineBreaks: true };
const LOOSE = { maxDepth: 1000, maxValues: 1_000_000, lineBreaks: true };

function problemOf(text: string, limits = LIMITS) {
  return findJsonProblem(Buffer.from(text), limits);
}

const texts = [
  '',
  ' ',
  '{}',
  '[]',
  '[1]',
  '[1,]',
  '[,1]',
  '{"a":1}',
  '{"a":1,}',
  '{"a" 1}',
  '{a:1}',
  '{"a":}',
  '{1:2}',
  '"a',
  '"a"',
  '"\\"',
  '"\\x"',
  '"\\u12g4"',
  '"\\uD800"',
  '"\n"',
  '"\t"',
  '0',
  '-0',
  '00',
  '01',
  '-',
  '1.',
  '1.5',
  '.5',
  '1e',
  '1e5',
  '1E+5',
  '1e-',
  '-1.25e-7',
  '+1',
  'true',
  'tru',
  'truee',
  'false',
  'null',
  'nul',
  'NaN',
  'Infinity',
  '1 2',
  '[1 2]',
  '[1] ]',
  '[}',
  '{]',
  '[[],[{"a":[]}]]',
  '\n[\r1\t]\n',
  '"é"',
  '{"a":1,"a":2}',
  '[1,2,3]x',
  '  7  ',
  '[-]',
  '[1,-2.0]',
  '{"":{}}',
  '{"a":"b"',
  '[true,false,null]',
  '\u00a01',
  '\ufeff1',
];
for (const text of texts) {
  test(`${JSON.stringify(text)} is judged as by JSON.parse`, () => {
    assert.equal(problemOf(text) === undefined, parses(text));
  });
}

test('any text is judged as by JSON.parse, wherever it is cut', () => {
  const near = fc
    .tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', ':', '0', 'e', '.', '-', 't', ' '),
    )
    .map(
      ([text, at, put]) =>
        text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + 1),
    );
  fc.assert(
    fc.property(fc.oneof(fc.json(), near, fc.string()), fc.nat(), (text, cut) => {
      const bytes = Buffer.from(text.toWellFormed());
      const scanner = new JsonScanner(LOOSE);
      scanner.write(bytes.subarray(0, cut % (bytes.length + 1)));
      scanner.write(bytes.subarray(cut % (bytes.length + 1)));
      assert.equal(scanner.end() === undefined, parses(bytes.toString()));
    }),
    { numRuns: 20_000 },
  );
});

test('depth is bounded, at any size', () => {
  assert.equal(problemOf('['.repeat(8) + ']'.repeat(8)), undefined);
  assert.equal(problemOf('['.repeat(9) + ']'.repeat(9)), 'too_deep');
  assert.equal(problemOf('{"a":'.repeat(100_000)), 'too_deep');
});

test('values and keys are counted', () => {
  assert.equal(problemOf(`[${'1,'.repeat(98)}1]`), undefined);
  assert.equal(problemOf(`[${'1,'.repeat(99)}1]`), 'too_many_values');
  assert.equal(problemOf(`{${'"k":0,'.repeat(50)}"k":0}`), 'too_many_values');
});

test('line breaks and tabs are refused where the text has to be a single line', () => {
  const limits = { ...LIMITS, lineBreaks: false };
  assert.equal(problemOf('[1, {"a": 2}]', limits), undefined);
  for (const space of ['\n', '\r', '\t']) assert.equal(problemOf(`[1,${space}2]`, limits), 'invalid');
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
