import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findMember } from './json-member.ts';

function valueAt(text: string, name: string): string | undefined {
  const bytes = Buffer.from(text);
  const span = findMember(bytes, name);
  return span && bytes.subarray(span.start, span.end).toString();
}

const cases: readonly [string, string | undefined][] = [
  ['{"event":1}', '1'],
  [' { "a" : {"event":2} , "event" : [1, {"x":"]"}] }', '[1, {"x":"]"}]'],
  ['{"event":"a\\"b","c":1}', '"a\\"b"'],
  ['{"a":1,"event":null\n}', 'null'],
  ['{"event":{}}', '{}'],
  ['{}', undefined],
  ['{"a":"event"}', undefined],
  ['{"event":1,"event":2}', undefined],
  ['{"\\u0065vent":1}', undefined],
];
for (const [text, expected] of cases) {
  test(`the event of ${JSON.stringify(text)} is ${expected}`, () => {
    assert.equal(valueAt(text, 'event'), expected);
  });
}

test('of any object it finds what JSON.parse does', () => {
  const spaced = fc.tuple(
    fc.jsonValue(),
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.constantFrom(0, 1, 2),
  );
  fc.assert(
    fc.property(spaced, ([event, others, indent]) => {
      const text = JSON.stringify({ ...others, event, after: 1 }, null, indent);
      const found = valueAt(text, 'event');
      if (found === undefined)
        assert.ok(Object.keys(others).some((key) => JSON.stringify(key).includes('\\')));
      else assert.deepEqual(JSON.parse(found), JSON.parse(JSON.stringify(event)));
    }),
    { numRuns: 5000 },
  );
});
