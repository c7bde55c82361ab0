import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Language } from '@caisson/protocol/api';
import { TestSession } from '../engine.testing.ts';

interface Codes {
  readonly print: string;
  readonly set: string;
  /** Prints the variable in a process that the code starts. */
  readonly child: string;
}

const CODES: Readonly<Record<Language, Codes>> = {
  python: {
    print: "import os; print(os.environ['GREETING'])",
    set: "import os; os.environ['GREETING'] = 'mine'",
    child: "import subprocess; subprocess.run(['/bin/sh', '-c', 'echo $GREETING'])",
  },
  javascript: {
    print: 'console.log(process.env.GREETING)',
    set: "process.env.GREETING = 'mine'",
    child: "require('child_process').spawnSync('/bin/sh', ['-c', 'echo $GREETING'], { stdio: 'inherit' })",
  },
  shell: {
    print: 'echo "$GREETING"',
    set: 'export GREETING=mine',
    child: "/bin/sh -c 'echo $GREETING'",
  },
};

for (const [language, code] of Object.entries(CODES) as [Language, Codes][]) {
  test(`${language}: a kernel that is ready takes an environment as if it had started with it`, async () => {
    await using session = new TestSession(language);
    await session.engine.prewarm(language, new AbortController().signal);
    await session.engine.adoptEnvironment({ GREETING: 'a "quoted" $x\n', OTHER: '' });
    assert.equal((await session.run(code.print)).stdout, 'a "quoted" $x\n\n');
    assert.equal((await session.run(code.print, { env: { GREETING: 'step' } })).stdout, 'step\n');
    assert.equal((await session.run(code.print)).stdout, 'a "quoted" $x\n\n');
    await session.run(code.set);
    assert.equal((await session.run(code.print)).stdout, 'mine\n', 'what the code sets, it keeps');
    assert.equal((await session.run(code.child)).stdout, 'mine\n');
    assert.equal(session.spawner.processes.length, 1);
  });

  test(`${language}: the environment of one step comes before what the same step adopts`, async () => {
    await using session = new TestSession(language);
    await session.engine.prewarm(language, new AbortController().signal);
    await session.engine.adoptEnvironment({ GREETING: 'adopted' });
    assert.equal((await session.run(code.print, { env: { GREETING: 'step' } })).stdout, 'step\n');
    assert.equal((await session.run(code.print)).stdout, 'adopted\n');
  });

  test(`${language}: a kernel that starts later has the environment that was adopted`, async () => {
    await using session = new TestSession(language);
    await session.engine.adoptEnvironment({ GREETING: 'hello' });
    assert.equal((await session.run(code.print)).stdout, 'hello\n');
    await session.run(code.set);
    assert.equal((await session.run(code.print)).stdout, 'mine\n');
  });
}
