import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { ServerPriority } from './server-priority.ts';

const priorities = () => new Set(readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread))));

test('every thread of the server has a higher priority than sandboxes while it is flooded', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const before = getPriority();
  using priority = new ServerPriority();
  assert.deepEqual(priorities(), new Set([before]));
  priority.raise();
  context.mock.timers.tick(9_000);
  priority.raise();
  context.mock.timers.tick(9_000);
  assert.deepEqual(priorities(), new Set([Math.min(before, -10)]));
  context.mock.timers.tick(1_000);
  assert.deepEqual(priorities(), new Set([before]));
});

test('disposing restores the priority', () => {
  const before = getPriority();
  {
    using priority = new ServerPriority();
    priority.raise();
  }
  assert.deepEqual(priorities(), new Set([before]));
});
