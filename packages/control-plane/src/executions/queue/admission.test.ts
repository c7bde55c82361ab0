import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admit, nextTenant, retryAfterSeconds } from './admission.ts';
import type { AdmissionLoad } from './admission.ts';

const LIMITS = {
  maxRunning: 4,
  maxRunningPerTenant: 3,
  maxWaiting: 5,
  maxWaitingPerTenant: 4,
  maxWaitingBytes: 100,
};
const IDLE: AdmissionLoad = {
  running: 0,
  waiting: 0,
  waitingBytes: 0,
  tenantRunning: 0,
  tenantWaiting: 0,
  serialKeyBusy: false,
};

test('a new execution runs, waits or is refused according to the table', () => {
  const table: [Partial<AdmissionLoad>, bytes: number, unknown][] = [
    [{}, 10, 'run'],
    [{ running: 3, tenantRunning: 2 }, 10, 'run'],
    [{ running: 4 }, 10, 'wait'],
    [{ running: 3, tenantRunning: 3 }, 10, 'wait'],
    [{ serialKeyBusy: true }, 10, 'wait'],
    [{ running: 4, waiting: 4, tenantWaiting: 3 }, 10, 'wait'],
    [{ running: 4, waiting: 5, tenantWaiting: 3 }, 10, { refused: 5 }],
    [{ running: 4, waiting: 4, tenantWaiting: 4 }, 10, { refused: 4 }],
    [{ running: 4, waiting: 2, waitingBytes: 95 }, 10, { refused: 2 }],
    [{ running: 4, waiting: 2, waitingBytes: 90 }, 10, 'wait'],
    [{ waiting: 5 }, 1000, 'run'],
  ];
  for (const [load, bytes, expected] of table) {
    assert.deepEqual(admit(LIMITS, { ...IDLE, ...load }, bytes), expected, JSON.stringify(load));
  }
});

test('the turn goes to the least recently served tenant that may run', () => {
  const tenant = (name: string, running: number, ready: number) => ({ tenant: name, running, ready });
  const table: [number, ReturnType<typeof tenant>[], string | undefined][] = [
    [0, [], undefined],
    [0, [tenant('a', 0, 1), tenant('b', 0, 1)], 'a'],
    [1, [tenant('a', 1, 0), tenant('b', 0, 1)], 'b'],
    [3, [tenant('a', 3, 9), tenant('b', 0, 1)], 'b'],
    [3, [tenant('a', 3, 9)], undefined],
    [4, [tenant('b', 0, 1)], undefined],
  ];
  for (const [running, rotation, expected] of table) {
    assert.equal(nextTenant(LIMITS, running, rotation), expected, JSON.stringify(rotation));
  }
});

test('a refused caller is to retry after one second to one minute', () => {
  assert.equal(retryAfterSeconds(0, 0), 1);
  assert.equal(retryAfterSeconds(1000, 50), 10);
  assert.equal(retryAfterSeconds(1000, 0.1), 60);
});
