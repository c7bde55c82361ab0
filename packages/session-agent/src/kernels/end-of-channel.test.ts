import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LANGUAGES } from '@caisson/protocol/api';
import { LocalSpawner } from '../engine/local-spawner.testing.ts';
import { KERNELS } from './kernels.ts';
import { hostLayout } from './sandbox-files.ts';

for (const language of LANGUAGES) {
  test(`the kernel of ${language} ends when the engine has closed its channel, or has died`, async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'kernel-'));
    try {
      const launch = KERNELS[language].launch(hostLayout(), undefined);
      const kernel = await new LocalSpawner().spawnKernel({ ...launch, cwd }, AbortSignal.timeout(10_000));
      for (const output of [kernel.stdout, kernel.stderr]) output.read(drop, drop);
      const ended = new Promise<void>((end) => {
        const close = () => {
          kernel.control.close();
        };
        // The first frame says that it is ready.
        kernel.control.read(close, end);
      });
      assert.deepEqual(await kernel.exited, { exitCode: 0, signal: null });
      await ended;
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });
}

function drop(): void {
  // What it writes does not matter here.
}
