import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { rememberPaths } from './remember-paths.ts';

test('a path is reported when it is removed or replaced', () => {
  const directory = mkdtempSync(join(tmpdir(), 'paths of a test '));
  try {
    const [kept, removed, replaced] = ['kept', 'removed', 'replaced'].map((name) => join(directory, name));
    assert.ok(kept !== undefined && removed !== undefined && replaced !== undefined);
    for (const path of [kept, removed, replaced]) mkdirSync(path);
    const missing = [rememberPaths([kept, removed]), rememberPaths([kept, replaced])];
    assert.deepEqual(
      missing.map((find) => find()),
      [undefined, undefined],
    );
    rmSync(removed, { recursive: true });
    renameSync(replaced, join(directory, 'elsewhere'));
    mkdirSync(replaced);
    assert.deepEqual(
      missing.map((find) => find()),
      [removed, replaced],
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
