/**
 * Removes each wall of sandboxes and cells in turn, in a copy of this tree, and reports removals that no test notices.
 *   main.ts [PART OF A NAME]...    only walls with one of these in their names; default: all
 * Exits with 1 if there is one.
 */
import { CELL_WALLS } from './cell-walls.ts';
import { CopyOfTree } from './copy-tree.ts';
import type { Mutation, Tests } from './mutation.ts';
import { runTests } from './run-tests.ts';
import { SANDBOX_WALLS } from './sandbox-walls.ts';
import { SECCOMP_WALLS } from './seccomp-walls.ts';

const MAX_NAMES = 2;

function main(parts: readonly string[]): number {
  const all = [...SANDBOX_WALLS, ...SECCOMP_WALLS, ...CELL_WALLS];
  const chosen = all.filter(({ wall }) => parts.length === 0 || parts.some((part) => wall.includes(part)));
  // The tests use the system call numbers of x86-64.
  const skipped = chosen.filter(({ wall }) => process.arch !== 'x64' && wall.startsWith('seccomp: '));
  for (const { wall } of skipped) console.log(`skipped   ${wall}: needs an x86-64`);
  using tree = new CopyOfTree(process.cwd());
  requirePassing(tree, chosen);
  const unnoticed = chosen.filter((mutation) => !skipped.includes(mutation) && !isNoticed(tree, mutation));
  console.log(
    `\n${chosen.length - skipped.length - unnoticed.length} removed walls were noticed by a test, ${unnoticed.length} were not`,
  );
  for (const { wall } of unnoticed) console.log(`  ${wall}`);
  return unnoticed.length === 0 ? 0 : 1;
}

/** Every test must pass with all walls in place, or its failures would mean nothing. */
function requirePassing(tree: CopyOfTree, mutations: readonly Mutation[]): void {
  const tests = new Map<string, Tests>();
  for (const each of mutations.flatMap((mutation) => mutation.tests))
    tests.set(`${each.file} ${each.pattern}`, each);
  for (const each of tests.values()) {
    const { passed, failed } = runTests(tree.directory, each);
    if (passed === 0 || failed.length > 0)
      throw new Error(`with all walls, ${each.file} (${each.pattern}) has to pass: ${failed.join('; ')}`);
  }
}

function isNoticed(tree: CopyOfTree, { wall, edits, tests }: Mutation): boolean {
  using undo = new DisposableStack();
  undo.use(tree.change(edits));
  for (const each of tests) {
    const { failed } = runTests(tree.directory, each);
    if (failed.length === 0) continue;
    const more = failed.length > MAX_NAMES ? `, and ${failed.length - MAX_NAMES} more` : '';
    console.log(`noticed   ${wall}: ${failed.slice(0, MAX_NAMES).join(', ')}${more}`);
    return true;
  }
  console.log(`UNNOTICED ${wall}`);
  return false;
}

process.exitCode = main(process.argv.slice(2));
