import { CaissonError } from '@caisson/protocol/api';
import { returnValueOf } from '@caisson/protocol/ports';
import type { ExecutionResult, executionLogs } from '@caisson/protocol/api';
import type { JsonText } from '@caisson/protocol/ports';
import type { z } from 'zod';
import type { StoredExecution } from '../store/executions.ts';
import type { DecodedPage } from '../store/output/output-pages.ts';
import { writeJson } from './embedded-json.ts';
import { executionLogsOf, executionResultOf } from './execution-view.ts';

/** Members that are written piece by piece. */
const PIECED = new Set(['stdout', 'stderr', 'return_value', 'results']);

/** JSON of one value, produced piece by piece as it is read: at most one page of the output is in memory. */
export type JsonPieces = AsyncIterable<string>;
export type ExecutionLogs = z.output<typeof executionLogs>;

/** The result of a recorded execution. @throws CaissonError `output_expired` */
export async function storedResultOf(stored: StoredExecution): Promise<ExecutionResult | JsonPieces> {
  assertKept(stored);
  if (stored.output.pageCount > 1) return resultPieces(stored);
  const page = await onlyPageOf(stored);
  return executionResultOf(withReturnValue(stored, page), page?.events ?? []);
}

/** @throws CaissonError `output_expired` */
export async function storedLogsOf(stored: StoredExecution): Promise<ExecutionLogs | JsonPieces> {
  assertKept(stored);
  if (stored.output.pageCount > 1) return logsPieces(stored);
  return executionLogsOf(stored.record, (await onlyPageOf(stored))?.events ?? []);
}

/** @throws CaissonError `output_expired` */
export function assertKept({ record: { id }, expired }: StoredExecution): void {
  if (expired) throw new CaissonError('output_expired', { id });
}

/** The pages from number `first` on, in order. */
export async function* pagesOf(
  { record: { id }, output }: StoredExecution,
  first = 0,
): AsyncGenerator<DecodedPage> {
  for (let number = first; number < output.pageCount; number += 1) {
    const page = await output.page(number);
    // It was removed during the read.
    if (page === undefined) throw new CaissonError('output_expired', { id });
    yield page;
  }
}

export async function* resultPieces(stored: StoredExecution): AsyncGenerator<string> {
  const { outcome } = stored.record;
  yield* withTexts(executionResultOf(stored.record, []), stored);
  yield ',"return_value":';
  const returnValue = outcome && returnValueOf(outcome);
  if (returnValue !== null) yield returnValue;
  else yield* returnValuePieces(stored);
  yield ',"results":[';
  yield* bundlePieces(stored);
  yield ']}';
}

async function* logsPieces(stored: StoredExecution): AsyncGenerator<string> {
  yield* withTexts(executionLogsOf(stored.record, []), stored);
  yield '}';
}

/** The members of `view` other than output, then both streams; the JSON object stays open. */
async function* withTexts(
  view: ExecutionLogs | ExecutionResult,
  stored: StoredExecution,
): AsyncGenerator<string> {
  const rest = Object.entries(view).filter(([name]) => !PIECED.has(name));
  yield `${writeJson(Object.fromEntries(rest)).slice(0, -1)},"stdout":"`;
  yield* textPieces(stored, 'stdout');
  yield '","stderr":"';
  yield* textPieces(stored, 'stderr');
  yield '"';
}

async function* textPieces(stored: StoredExecution, stream: 'stdout' | 'stderr'): AsyncGenerator<string> {
  for await (const { events } of pagesOf(stored)) {
    let text = '';
    for (const event of events) if (event.type === stream) text += event.text;
    if (text !== '') yield JSON.stringify(text).slice(1, -1);
  }
}

async function* returnValuePieces(stored: StoredExecution): AsyncGenerator<string> {
  let isNull = true;
  for await (const { returnValue } of pagesOf(stored)) {
    if (returnValue === '') continue;
    isNull = false;
    yield returnValue;
  }
  if (isNull) yield 'null';
}

async function* bundlePieces(stored: StoredExecution): AsyncGenerator<string> {
  let separator = '';
  for await (const { events } of pagesOf(stored)) {
    for (const event of events) {
      if (event.type !== 'result') continue;
      yield separator + event.bundle;
      separator = ',';
    }
  }
}

async function onlyPageOf({ output }: StoredExecution): Promise<DecodedPage | undefined> {
  return output.pageCount === 0 ? undefined : output.page(0);
}

function withReturnValue({ record }: StoredExecution, page: DecodedPage | undefined) {
  if (record.outcome?.status !== 'succeeded' || page === undefined || page.returnValue === '') return record;
  return { ...record, outcome: { ...record.outcome, returnValue: page.returnValue as JsonText } };
}
