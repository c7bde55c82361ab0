import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { LANGUAGES } from '@caisson/protocol/api';
import { KERNELS } from './kernels.ts';
import { hostLayout, SANDBOX_FILES } from './sandbox-files.ts';

test('all that a sandbox needs of the host is there', () => {
  for (const { hostPath } of SANDBOX_FILES) assert.ok(existsSync(hostPath), hostPath);
});

test('every path in the command of a kernel is there', () => {
  for (const language of LANGUAGES) {
    const { argv } = KERNELS[language].launch(hostLayout(), undefined);
    for (const path of argv.filter((part) => part.startsWith('/'))) assert.ok(existsSync(path), path);
  }
});
