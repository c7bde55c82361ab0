import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

const PACKAGES = join(import.meta.dirname, '..', '..');
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.esnext.d.ts', 'lib.dom.d.ts'],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
};

for (const [entry, reached] of [
  ['protocol/src/api.ts', 'protocol/src/ids.ts'],
  ['sdk/src/index.ts', 'protocol/src/ids.ts'],
] as const) {
  test(`${entry} compiles for browsers: it reaches no module, global or type of Node`, () => {
    const program = ts.createProgram([join(PACKAGES, entry)], OPTIONS);
    const problems = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      return `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
    assert.deepEqual(problems, []);
    const files = program.getSourceFiles().map(({ fileName }) => fileName);
    assert.ok(files.includes(join(PACKAGES, reached)), 'the program has what the entry imports');
    assert.deepEqual(
      files.filter((name) => name.includes('/@types/node/') || name.includes('/protocol/src/ports')),
      [],
    );
  });
}
