import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { raiseServerPriority } from './server-priority.ts';

test('every thread of the server runs before what sandboxes run, until it is disposed of', () => {
  const priorities = () =>
    new Set(readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread))));
  const before = getPriority();
  {
    using raised = raiseServerPriority();
    raised satisfies Disposable;
    assert.deepEqual(priorities(), new Set([Math.min(before, -10)]));
  }
  assert.deepEqual(priorities(), new Set([before]));
});
