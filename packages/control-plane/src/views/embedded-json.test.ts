import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { JsonText } from '@caisson/protocol/ports';
import { embedded, writeJson } from './embedded-json.ts';

test('embedded texts are inserted unchanged', () => {
  const value = { a: embedded('{"x": 1e999}' as JsonText), b: [embedded(jsonTextOf('"$&')), 'two'], c: null };
  assert.equal(writeJson(value), '{"a":{"x": 1e999},"b":["\\"$&","two"],"c":null}');
});

test('without embedded texts, the JSON equals that of JSON.stringify', () => {
  const value = { text: 'a"b\n', at: new Date(0), none: undefined, list: [1, true, null] };
  assert.equal(writeJson(value), JSON.stringify(value));
});
