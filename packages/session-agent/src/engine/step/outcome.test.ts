import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitCodeOf, jsonTextOf, returnValueOf, type StepFacts } from '@caisson/protocol/ports';
import { outcomeOf, type StepObservations } from './outcome.ts';

const done = { type: 'done', exitCode: 0, error: null } as const;
const exited = (exitCode: number | null, signal: NodeJS.Signals | null = null) =>
  ({ type: 'exited', exit: { exitCode, signal } }) as const;
const FACTS: StepFacts = {
  truncated: true,
  kernelRestarted: true,
  usage: { durationMs: 1, cpuMs: 2, peakMemoryBytes: null },
};
const BASE: StepObservations = {
  end: done,
  returnValue: null,
  stop: undefined,
  wasReady: true,
  killedForMemory: false,
  outOfMemory: false,
  heapExhausted: false,
};
const error = { name: 'E', message: 'm', traceback: [] };

const cases: readonly [string, Partial<StepObservations>, string][] = [
  ['code that ends well', { end: done }, 'succeeded/null/0'],
  ['an exception', { end: { ...done, exitCode: 1, error } }, 'failed/exception/1'],
  ['exit(3)', { end: { ...done, exitCode: 3 } }, 'failed/exit_code/3'],
  ['a process that ends with 3', { end: exited(3) }, 'failed/exit_code/3'],
  ['a process that ends with 0', { end: exited(0) }, 'succeeded/null/0'],
  ['a process that never was ready', { end: exited(1), wasReady: false }, 'failed/kernel_crashed/null'],
  ['a crash', { end: exited(null, 'SIGSEGV') }, 'failed/kernel_crashed/null'],
  ['a broken protocol', { end: { type: 'lost' } }, 'failed/kernel_crashed/null'],
  [
    'a kill for want of memory',
    { end: exited(null, 'SIGKILL'), outOfMemory: true },
    'failed/out_of_memory/null',
  ],
  ['the same told by exit code', { end: exited(137), outOfMemory: true }, 'failed/out_of_memory/null'],
  [
    'a kill by the memory guard',
    { end: exited(null, 'SIGKILL'), killedForMemory: true },
    'failed/out_of_memory/null',
  ],
  ['an exhausted heap', { end: exited(null, 'SIGABRT'), heapExhausted: true }, 'failed/out_of_memory/null'],
  ['talk of an exhausted heap', { end: exited(1), heapExhausted: true }, 'failed/exit_code/1'],
  ['a child killed for memory', { end: done, outOfMemory: true }, 'succeeded/null/0'],
  [
    'a deadline that was obeyed',
    { end: { ...done, exitCode: 1, error }, stop: 'timeout' },
    'timed_out/timeout/null',
  ],
  ['a deadline that was not', { end: exited(null, 'SIGKILL'), stop: 'timeout' }, 'timed_out/timeout/null'],
  ['a cancel', { end: done, stop: 'cancelled' }, 'cancelled/cancelled/null'],
  ['a shutdown', { end: done, stop: 'shutdown' }, 'cancelled/shutdown/null'],
];

test('only a step that succeeded has a return value', () => {
  const returnValue = jsonTextOf([1]);
  for (const [end, expected] of [
    [done, returnValue],
    [{ ...done, exitCode: 3 }, null],
    [{ ...done, exitCode: 1, error }, null],
  ] as const) {
    const outcome = outcomeOf({ ...BASE, end, returnValue }, FACTS);
    assert.equal(returnValueOf(outcome), expected);
    assert.equal('returnValue' in outcome, expected !== null);
  }
});

for (const [name, observed, expected] of cases) {
  test(`${name} is ${expected}`, () => {
    const outcome = outcomeOf({ ...BASE, ...observed }, FACTS);
    const { status, reason, truncated, kernelRestarted, usage } = outcome;
    assert.equal(`${status}/${reason ?? 'null'}/${exitCodeOf(outcome) ?? 'null'}`, expected);
    assert.deepEqual({ truncated, kernelRestarted, usage }, FACTS);
    assert.deepEqual(JSON.parse(JSON.stringify(outcome)), outcome, 'JSON loses nothing of it');
  });
}
