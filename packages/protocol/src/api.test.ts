import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

test('the API of the protocol compiles without a module or a global of Node', () => {
  const entry = join(import.meta.dirname, 'api.ts');
  const program = ts.createProgram([entry], {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.esnext.d.ts', 'lib.dom.d.ts'],
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
  });
  const problems = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    return `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
  assert.deepEqual(problems, []);
  const files = program.getSourceFiles().map(({ fileName }) => fileName);
  assert.ok(files.includes(join(import.meta.dirname, 'ids.ts')), 'it walks to all that is imported');
  assert.deepEqual(
    files.filter((name) => name.includes('/@types/node/') || name.startsWith(import.meta.dirname + '/ports')),
    [],
  );
});
