import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions } from './options.ts';
import { FULL, QUICK } from './sizes.ts';

test('without arguments the whole benchmark runs', () => {
  assert.deepEqual(parseOptions([], {}), { quick: false, sizes: FULL, only: undefined, steady: undefined });
});

test('a quick run is small, and single sections can be chosen', () => {
  const { sizes, only } = parseOptions(['--quick', '--only', 'jobs,memory'], {});
  assert.equal(sizes, QUICK);
  assert.deepEqual(only, ['jobs', 'memory']);
});

test('the long run takes its counts from the environment', () => {
  assert.deepEqual(parseOptions(['--steady'], {}).steady, {
    jobs: 100_000,
    concurrency: 2,
    maxMs: 10_800_000,
  });
  const env = { CAISSON_BENCH_STEADY_JOBS: '50', CAISSON_BENCH_STEADY_SECONDS: '9' };
  assert.deepEqual(parseOptions(['--steady'], env).steady, { jobs: 50, concurrency: 2, maxMs: 9000 });
});

test('an unknown section, option or count is refused by name', () => {
  assert.throws(() => parseOptions(['--only', 'job'], {}), /job.*jobs, pandas/);
  assert.throws(() => parseOptions(['--fast'], {}), /--fast/);
  assert.throws(() => parseOptions(['--steady'], { CAISSON_BENCH_STEADY_JOBS: '-1' }), /STEADY_JOBS.*-1/);
});
