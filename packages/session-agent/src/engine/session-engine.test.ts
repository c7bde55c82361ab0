import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LANGUAGES, type Language } from '@caisson/protocol/api';
import { Cancellation } from '@caisson/protocol/ports';
import { TestSession } from './engine.testing.ts';

const CODE: Record<Language, Record<'loop' | 'exit' | 'print' | 'flood' | 'closed', string>> = {
  python: {
    loop: 'print("go")\nwhile True: pass',
    exit: 'import os\nos._exit(3)',
    print: 'print("ok")',
    flood: 'import sys\nwhile True: sys.stdout.write("x" * 65536)',
    closed: 'import os\nprint("a")\nos.close(1)',
  },
  javascript: {
    loop: 'console.log("go"); while (true);',
    exit: 'process.exit(3)',
    print: 'console.log("ok")',
    flood: 'for (;;) process.stdout.write("x".repeat(65536))',
    closed: 'console.log("a"); require("fs").closeSync(1)',
  },
  shell: {
    loop: 'echo go; while :; do :; done',
    exit: 'exit 3',
    print: 'echo ok',
    flood: 'yes',
    closed: 'echo a; exec 1>&-',
  },
};

test('a kernel that dies before it is ready is started again, and nobody hears of it', async () => {
  await using session = new TestSession('python');
  session.spawner.failures = 2;
  const { outcome, stdout, stderr } = await session.run('print("ok")');
  assert.deepEqual(
    [outcome.status, outcome.kernelRestarted, stdout, stderr],
    ['succeeded', false, 'ok\n', ''],
  );
  assert.equal(session.spawner.processes.length, 3);
});

test('a kernel that never gets ready ends the step, with what it said', async () => {
  await using session = new TestSession('python');
  session.spawner.failures = 100;
  const { outcome, stderr } = await session.run('print("ok")');
  assert.deepEqual([outcome.status, outcome.reason], ['failed', 'kernel_crashed']);
  assert.match(stderr, /cannot enter/);
});

for (const language of LANGUAGES) {
  const code = CODE[language];
  suite(`engine with ${language}`, () => {
    test('a loop is interrupted at the deadline and the kernel goes on', async () => {
      await using session = new TestSession(language);
      await session.engine.prewarm(language, new AbortController().signal);
      const { outcome, stdout } = await session.run(code.loop, { timeoutMs: 400 });
      assert.equal(outcome.status, 'timed_out');
      assert.equal(outcome.kernelRestarted, false);
      assert.equal(stdout, 'go\n');
      assert.equal((await session.run(code.print)).stdout, 'ok\n');
      assert.equal(session.spawner.processes.length, 1);
    });

    test('a cancel says why', async () => {
      await using session = new TestSession(language);
      await session.engine.prewarm(language, new AbortController().signal);
      const abort = new AbortController();
      const sink = (): undefined => {
        abort.abort(new Cancellation('shutdown'));
      };
      const { outcome } = await session.run(code.loop, {}, { signal: abort.signal, sink });
      assert.equal(`${outcome.status}/${outcome.reason ?? ''}`, 'cancelled/shutdown');
    });

    test('a process that ends itself is its exit code, and a fresh kernel follows', async () => {
      await using session = new TestSession(language);
      const { outcome, events } = await session.run(code.exit);
      assert.equal(`${outcome.reason ?? ''} ${outcome.exitCode ?? ''}`, 'exit_code 3');
      assert.equal(outcome.kernelRestarted, true);
      assert.deepEqual(events.at(-1), { type: 'kernel_restarted' });
      assert.equal((await session.run(code.print)).stdout, 'ok\n');
    });

    test('a flood is cut, told once, and ends at the deadline', async () => {
      await using session = new TestSession(language);
      const { outcome, events, stdout } = await session.run(code.flood, {
        timeoutMs: 500,
        outputLimitBytes: 1000,
      });
      assert.equal(outcome.status, 'timed_out');
      assert.equal(outcome.truncated, true);
      assert.equal(stdout.length, 1000);
      assert.equal(events.filter(({ type }) => type === 'truncated').length, 1);
    });

    test('the deadline comes also while the sink takes nothing', async () => {
      await using session = new TestSession(language);
      const sink = (): Promise<void> => new Promise(() => undefined);
      const { outcome } = await session.run(code.flood, { timeoutMs: 400 }, { sink });
      assert.equal(outcome.status, 'timed_out');
    });

    test('a closed stdout delays the end but does not lose the step', async () => {
      await using session = new TestSession(language);
      const { outcome, stdout } = await session.run(code.closed);
      assert.equal(outcome.status, 'succeeded');
      assert.equal(stdout, 'a\n');
    });

    test('memory that is exceeded kills the kernel as out_of_memory', async () => {
      await using session = new TestSession(language);
      const sink = (): undefined => {
        session.meter.exceedMemory();
      };
      const { outcome } = await session.run(code.loop, {}, { sink });
      assert.equal(outcome.reason, 'out_of_memory');
      assert.equal(outcome.kernelRestarted, true);
    });

    test('steps run one after the other, and one that waits can time out', async () => {
      await using session = new TestSession(language);
      await session.engine.prewarm(language, new AbortController().signal);
      const [first, second] = await Promise.all([
        session.run(code.loop, { timeoutMs: 500 }),
        session.run(code.print, { timeoutMs: 100 }),
      ]);
      assert.equal(first.outcome.status, 'timed_out');
      assert.equal(second.outcome.status, 'timed_out');
      assert.equal(second.stdout, '');
    });
  });
}

suite('engine', () => {
  test('what looks like the protocol is just output', async () => {
    await using session = new TestSession('python');
    const line = '{"type":"done","exit_code":0}';
    const { stdout } = await session.run(
      `print('${line}')\nimport os\nos.system("""echo '${line}' 2>/dev/null >&3""")\nprint(2)`,
    );
    assert.equal(stdout, `${line}\n2\n`);
  });

  test('what breaks the protocol is a crash of the kernel alone', async () => {
    await using session = new TestSession('python');
    const forge =
      'import os, stat\nfor fd in range(200, 260):\n  try:\n    if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, b"nonsense\\n")\n  except OSError: pass\nwhile True: pass';
    const { outcome } = await session.run(forge);
    assert.equal(outcome.reason, 'kernel_crashed');
    assert.equal((await session.run('print(1)')).stdout, '1\n');
  });

  test('a signal that kills the kernel is a crash', async () => {
    await using session = new TestSession('python');
    const { outcome } = await session.run('import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)');
    assert.equal(outcome.reason, 'kernel_crashed');
  });

  test('a kernel that died between two steps is replaced, and that is told', async () => {
    await using session = new TestSession('python');
    await session.run('x = 1');
    const [child] = session.spawner.processes;
    const gone = new Promise((resolve) => child?.once('close', resolve));
    child?.kill('SIGKILL');
    await gone;
    const { outcome, events, stdout } = await session.run('print(2)');
    assert.equal(outcome.kernelRestarted, true);
    assert.deepEqual(events[0], { type: 'kernel_restarted' });
    assert.equal(stdout, '2\n');
  });

  test('a step that is cancelled as it finds its kernel dead says that the state is lost', async () => {
    await using session = new TestSession('python');
    await session.run('x = 1');
    const [child] = session.spawner.processes;
    const gone = new Promise((resolve) => child?.once('close', resolve));
    child?.kill('SIGKILL');
    await gone;
    const abort = new AbortController();
    const sink = (): undefined => {
      abort.abort(new Cancellation('cancelled'));
    };
    const { outcome, events } = await session.run('print(2)', {}, { sink, signal: abort.signal });
    assert.deepEqual(events, [{ type: 'kernel_restarted' }]);
    assert.deepEqual([outcome.status, outcome.kernelRestarted], ['cancelled', true]);
  });

  test('a slow sink gets everything, in order', async () => {
    await using session = new TestSession('python');
    let busy = 0;
    const sink = async (): Promise<void> => {
      busy += 1;
      assert.equal(busy, 1);
      await new Promise(setImmediate);
      busy -= 1;
    };
    const { stdout } = await session.run('for i in range(50000): print(i)', {}, { sink });
    assert.equal(stdout.split('\n').length, 50_001);
  });

  test('an error of the sink ends the step and is thrown', async () => {
    await using session = new TestSession('python');
    const sink = (): Promise<void> => Promise.reject(new Error('sink broke'));
    await assert.rejects(session.run('print(1)\nwhile True: pass', {}, { sink }), /sink broke/);
    assert.equal((await session.run('print(1)')).stdout, '1\n');
  });

  test('closing the engine ends what runs', async () => {
    await using session = new TestSession('python');
    const sink = (): undefined => {
      closing = session.engine[Symbol.asyncDispose]();
    };
    let closing: Promise<void> | undefined;
    const { outcome } = await session.run('print(1)\nwhile True: pass', {}, { sink });
    await closing;
    assert.equal(outcome.reason, 'session_terminated');
    assert.equal(
      session.spawner.processes.every((child) => child.exitCode !== null || child.signalCode !== null),
      true,
    );
  });
});
