import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { workspacePath } from '@caisson/protocol/api';
import type { SandboxPlane, LentSandbox } from '@caisson/data-plane';
import { outputOf, sandboxRequest, startDataPlane } from '../support/sandbox.ts';

const PAUSES = 60;
const DEADLINE_MS = 30_000;
const MOVES = 20;

/** Starts processes endlessly, by vfork and exec as a shell does, and by fork alone. */
const FORKS = `
import os, subprocess
for number in range(4):
    if os.fork() == 0:
        while True:
            try:
                if number < 3: subprocess.run(['/bin/true'])
                elif (child := os.fork()) == 0: os._exit(0)
                else: os.waitpid(child, 0)
            except OSError: pass
`;
/** Counts in a file, which always contains a complete number. */
const COUNTS = `
import os
number = 0
while True:
    number += 1
    with open('/workspace/next', 'w') as file: file.write(str(number))
    os.rename('/workspace/next', '/workspace/number')
`;

for (const runtime of ['crun', 'runc'] as const) {
  suite(`a paused ${runtime} sandbox`, () => {
    const cleanup = new AsyncDisposableStack();
    let dataPlane: SandboxPlane;

    before(async () => {
      ({ dataPlane } = cleanup.use(await startDataPlane(runtime)));
    });
    after(async () => cleanup.disposeAsync());

    async function startSandbox(program: string): Promise<LentSandbox> {
      const sandbox = await dataPlane.createSandbox(sandboxRequest(), AbortSignal.timeout(DEADLINE_MS));
      const code = `import subprocess
kept = 'state'
subprocess.Popen(['python3', '-c', ${JSON.stringify(program)}], start_new_session=True)`;
      await outputOf(sandbox, code);
      return sandbox;
    }

    test(`stops in each of ${PAUSES} pauses while it starts processes, and keeps its state`, async () => {
      const sandbox = await startSandbox(FORKS);
      for (let count = 0; count < PAUSES; count++) {
        await sandbox.pause(AbortSignal.timeout(DEADLINE_MS));
        await sandbox.resume(AbortSignal.timeout(DEADLINE_MS));
        assert.equal(await outputOf(sandbox, 'print(kept)'), 'state\n');
      }
      await sandbox.destroy();
    });

    test('runs nothing while others run, and continues once resumed', async () => {
      const [paused, other] = await Promise.all([startSandbox(COUNTS), startSandbox(COUNTS)]);
      await untilMoved(paused);
      await paused.pause(AbortSignal.timeout(DEADLINE_MS));
      const stopped = await readNumber(paused);
      await untilMoved(other);
      assert.equal(await readNumber(paused), stopped);
      await paused.resume(AbortSignal.timeout(DEADLINE_MS));
      await untilMoved(paused);
      assert.equal(await outputOf(paused, 'print(kept)'), 'state\n');
      await Promise.all([paused.destroy(), other.destroy()]);
    });

    test('can be destroyed', async () => {
      const sandbox = await startSandbox(FORKS);
      await sandbox.pause(AbortSignal.timeout(DEADLINE_MS));
      await sandbox.destroy();
    });
  });
}

/** Resolves when the count of the sandbox has increased. */
async function untilMoved(sandbox: LentSandbox): Promise<void> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const first = await readNumber(sandbox);
  while ((await readNumber(sandbox)) < first + MOVES) await delay(1, undefined, { signal: deadline });
}

/** 0 before the first count. */
async function readNumber({ agent: { files } }: LentSandbox): Promise<number> {
  try {
    const { body } = await files.read(workspacePath.parse('number'), AbortSignal.timeout(DEADLINE_MS));
    return Number(await text(body));
  } catch (error) {
    if ((error as { code?: string }).code === 'file_not_found') return 0;
    throw error;
  }
}
