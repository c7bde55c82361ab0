import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSpawnLoop } from './spawn-loop.ts';

const signal = new AbortController().signal;

test('each start is timed, by one worker and by several', async () => {
  await using loop = startSpawnLoop(signal);
  for (const concurrency of [1, 3]) {
    const sample = await loop.run(['/usr/bin/true'], { count: 7, maxMs: 30_000, concurrency });
    assert.equal(sample.latenciesMs.length, 7);
    assert.ok(sample.latenciesMs.every((latency) => latency > 0 && latency <= sample.wallMs));
    assert.deepEqual(sample.failures, []);
  }
});

test('a program that fails is a failure', async () => {
  await using loop = startSpawnLoop(signal);
  const sample = await loop.run(['/usr/bin/false'], { count: 2, maxMs: 30_000, concurrency: 1 });
  assert.deepEqual(sample.latenciesMs, []);
  assert.equal(sample.failures.length, 2);
});

test('a missing program is reported by name, and the loop keeps working', async () => {
  await using loop = startSpawnLoop(signal);
  const load = { count: 1, maxMs: 1000, concurrency: 1 };
  await assert.rejects(loop.run(['/no/such/program'], load), /no\/such\/program/);
  assert.equal((await loop.run(['/usr/bin/true'], load)).latenciesMs.length, 1);
});

test('a call fails at once when the loop is lost', async () => {
  const loop = startSpawnLoop(signal);
  await loop[Symbol.asyncDispose]();
  const load = { count: 1, maxMs: 1000, concurrency: 1 };
  await assert.rejects(loop.run(['/usr/bin/true'], load), /has ended/);
});
