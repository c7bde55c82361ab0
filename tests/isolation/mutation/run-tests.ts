import { spawnSync } from 'node:child_process';
import type { Tests } from './mutation.ts';

/** Longer than the slowest file takes on a busy machine; without a wall, code may hang. */
const TIMEOUT_MS = 180_000;

export interface TestResult {
  readonly passed: number;
  readonly failed: readonly string[];
}

/** Runs some tests in the tree `directory`. */
export function runTests(directory: string, { file, pattern }: Tests): TestResult {
  const run = spawnSync(
    process.execPath,
    ['--test', '--test-reporter=tap', '--test-timeout=60000', `--test-name-pattern=${pattern}`, file],
    { cwd: directory, encoding: 'utf8', timeout: TIMEOUT_MS, killSignal: 'SIGTERM' },
  );
  if (run.error !== undefined) return { passed: 0, failed: [`did not end: ${run.error.message}`] };
  const names = (mark: string) =>
    run.stdout.split('\n').flatMap((line) => {
      const [, indent = '', result, name = ''] = /^( *)(not ok|ok) \d+ - (.*)$/.exec(line) ?? [];
      // A failed file or suite only repeats the failures in it.
      return result === mark && !/ # SKIP/.test(name) ? [{ name, depth: indent.length }] : [];
    });
  const failed = names('not ok');
  const deepest = Math.max(0, ...failed.map(({ depth }) => depth));
  return {
    passed: names('ok').length,
    failed: failed.filter(({ depth }) => depth === deepest).map(({ name }) => name),
  };
}
