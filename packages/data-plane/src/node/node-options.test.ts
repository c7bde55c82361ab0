import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeId } from '@caisson/protocol/api';
import { nodeIdOf } from './node-options.ts';

for (const [host, id] of [
  ['build-7.example', 'build-7.example'],
  // A host without a name.
  ['(none)', '-none-'],
  ['', 'node'],
  ['..', 'node'],
  ['x'.repeat(70), 'x'.repeat(64)],
] as const) {
  test(`the node of host "${host}" is ${id}`, () => {
    assert.equal(nodeIdOf(host), id);
    assert.equal(nodeId.parse(id), id);
  });
}
