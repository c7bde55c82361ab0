import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TestSession } from '../engine/engine.testing.ts';

suite('python', () => {
  test('state is kept, and the last expression is a result', async () => {
    await using session = new TestSession('python');
    await session.run('x = 20');
    const { events } = await session.run('x + 1');
    assert.deepEqual(events, [{ type: 'result', bundle: { 'text/plain': '21' } }]);
  });

  test('prints, os.write and subprocesses arrive in order', async () => {
    await using session = new TestSession('python');
    const { stdout } = await session.run(
      'import os, subprocess\nprint("a", end="")\nos.write(1, b"b")\nsubprocess.run(["echo", "c"])\nprint("d")\nNone',
    );
    assert.equal(stdout, 'abc\nd\n');
  });

  test('handler is called with event and context; one of an earlier step is not', async () => {
    await using session = new TestSession('python');
    const code =
      'async def handler(event, context):\n  return [event["name"], context.memory_limit_in_mb, context.get_remaining_time_in_millis() > 0]';
    assert.deepEqual((await session.run(code)).outcome.returnValue, ['Ada "\\ é', 512, true]);
    assert.equal((await session.run('1')).outcome.returnValue, undefined);
  });

  test('what installed packages run at the start of an interpreter is run by the first import of one', async () => {
    await using session = new TestSession('python');
    // A finder that a `.pth` file puts first, as setuptools and editable installs have one.
    await session.run(`
import site, sys
from importlib.machinery import ModuleSpec
class Finder:
    create_module = exec_module = lambda *_: None
    def find_spec(self, name, path, target):
        return ModuleSpec(name, self) if name == 'made' else None
def main():
    print('it runs')
    sys.meta_path.insert(0, Finder())
site.main = main`);
    const importing = async (name: string) =>
      (await session.run(`try:\n  import ${name}\nexcept ImportError as error:\n  print(error.name)`)).stdout;
    assert.equal(await importing('json.decoder'), '');
    assert.equal(await importing('made'), 'it runs\n');
    assert.equal(await importing('not_there'), 'not_there\n');
  });

  test('the paths of installed packages and the builtins of site are there from the start', async () => {
    await using session = new TestSession('python');
    const { stdout } = await session.run(
      'import os, site, sys\nprint(set(filter(os.path.isdir, site.getsitepackages())) - set(sys.path), callable(exit), callable(quit), callable(help))',
    );
    assert.equal(stdout, 'set() True True True\n');
  });

  for (const [definition, given] of [
    ['def handler(event): return 1', 1],
    ['def handler(event, context): return 2', 2],
    ['def handler(event, context=None): return 1 if context is None else 2', 2],
    ['def handler(event, context, more=0): return 2', 2],
    ['def handler(*both): return len(both)', 2],
    ['def handler(event, *, option=0): return 1', 1],
    ['def handler(event, context, *, option=0): return 2', 2],
    ['handler = lambda event, /: 1', 1],
    ['import functools\nhandler = functools.partial(lambda one, event: 1, 1)', 1],
    [
      'import functools\ndef inner(event): return 1\n@functools.wraps(inner)\ndef handler(*both): return len(both)',
      1,
    ],
    ['class Handler:\n  def __call__(self, event, context): return 2\nhandler = Handler()', 2],
  ] as const) {
    test(`a handler is given as much as it takes: ${definition}`, async () => {
      await using session = new TestSession('python');
      assert.equal((await session.run(definition)).outcome.returnValue, given);
    });
  }

  test('a common handler imports nothing large', async () => {
    await using session = new TestSession('python');
    const { outcome } = await session.run(
      'import sys\ndef handler(event, context): return "inspect" in sys.modules',
    );
    assert.equal(outcome.returnValue, false);
  });

  for (const [value, problem] of [
    ['{"a": [{1}]}', /return_value\['a'\]\[0\] is of type set/],
    ['float("nan")', /nan/],
    ['{1: 2}', /must be str/],
  ] as const) {
    test(`a handler that returns ${value} fails and says why`, async () => {
      await using session = new TestSession('python');
      const { outcome } = await session.run(`handler = lambda event: ${value}`);
      assert.equal(outcome.reason, 'exception');
      assert.match(outcome.error?.message ?? '', problem);
    });
  }

  test("a traceback shows the caller's lines only", async () => {
    await using session = new TestSession('python');
    const { outcome } = await session.run('def f():\n  return 1/0\nf()');
    assert.equal(outcome.error?.name, 'ZeroDivisionError');
    const traceback = outcome.error.traceback.join('');
    assert.match(traceback, /line 3, in <module>\n {4}f\(\)/);
    assert.doesNotMatch(traceback, /caisson/);
  });

  for (const [code, exitCode, stderr] of [
    ['exit(3)', 3, ''],
    ['raise SystemExit', 0, ''],
    ['import sys; sys.exit("bye")', 1, 'bye\n'],
  ] as const) {
    test(`${code} is exit code ${exitCode} and keeps the state`, async () => {
      await using session = new TestSession('python');
      await session.run('x = 1');
      const ran = await session.run(code);
      assert.equal(ran.outcome.exitCode, exitCode);
      assert.equal(ran.stderr, stderr);
      assert.equal((await session.run('x')).outcome.status, 'succeeded');
    });
  }

  test('stdin, environment and await work, for that step only', async () => {
    await using session = new TestSession('python');
    const code =
      'import asyncio, os, subprocess\nawait asyncio.sleep(0)\nprint(input(), os.environ["A"])\nsubprocess.run(["printenv", "A"])\nNone';
    const { stdout } = await session.run(code, { stdin: 'line\n', env: { A: '"x"' } });
    assert.equal(stdout, 'line "x"\n"x"\n');
    assert.equal((await session.run('input()')).outcome.error?.name, 'EOFError');
    assert.equal((await session.run('os.environ.get("A")')).events.length, 0);
  });

  test('an exception, a class and a huge value whose own methods fail do no harm', async () => {
    await using session = new TestSession('python');
    const bad = 'class E(Exception):\n  def __str__(self): raise ValueError\n  __repr__ = __str__\n';
    assert.equal((await session.run(`${bad}raise E`)).outcome.error?.name, 'E');
    assert.equal((await session.run('E()')).outcome.status, 'succeeded');
    assert.equal((await session.run('"x" * 10**6')).outcome.status, 'succeeded');
    assert.equal((await session.run('def f(): f()\nf()')).outcome.error?.name, 'RecursionError');
  });

  test('a forked child that comes out of the code ends there', async () => {
    await using session = new TestSession('python');
    const { stdout, outcome } = await session.run(
      'import os\npid = os.fork()\nif pid: os.wait()\nprint(pid > 0)',
    );
    assert.equal(outcome.status, 'succeeded');
    assert.deepEqual(stdout.split('\n').sort(), ['', 'False', 'True']);
  });

  test('pickle, inspect and dataclasses find what they need in __main__', async () => {
    await using session = new TestSession('python');
    const code =
      'import pickle, inspect, dataclasses\n@dataclasses.dataclass\nclass P:\n  a: int\ndef f():\n  pass\nprint(pickle.loads(pickle.dumps(P(1))), __name__)\nprint(inspect.getsource(f))';
    const { stdout } = await session.run(code);
    assert.equal(stdout, 'P(a=1) __main__\ndef f():\n  pass\n\n');
  });

  for (const end of ['', 'exit(3)']) {
    test(`a job waits for its threads and runs its atexit functions${end && ', also after exit'}`, async () => {
      await using session = new TestSession('python');
      const code =
        'import atexit, threading\natexit.register(print, "atexit")\nthreading.Timer(0.05, print, ["thread"]).start()\n';
      const { stdout } = await session.run(code + end, { sessionId: null });
      assert.equal(stdout, 'thread\natexit\n');
    });
  }

  test('an interrupt between two steps does nothing', async () => {
    await using session = new TestSession('python');
    await session.run('x = 1');
    session.spawner.processes[0]?.kill('SIGINT');
    assert.equal((await session.run('print(x)')).stdout, '1\n');
  });

  test('values offer other forms of themselves, and display shows them', async () => {
    await using session = new TestSession('python');
    const code =
      'class V:\n  def __repr__(self): return "V"\n  def _repr_html_(self): return "<b>"\n  def _repr_png_(self): return b"png"\n  def _repr_svg_(self): raise ValueError\ndisplay(V())';
    const { events } = await session.run(code);
    const bundle = { 'text/plain': 'V', 'text/html': '<b>', 'image/png': 'cG5n' };
    assert.deepEqual(events, [{ type: 'result', bundle }]);
  });

  test('a kernel of which every descriptor was closed is replaced', async () => {
    await using session = new TestSession('python');
    const { outcome } = await session.run('import os\nos.closerange(0, 4096)');
    assert.equal(outcome.reason, 'kernel_crashed');
    assert.equal((await session.run('print(1)')).stdout, '1\n');
  });
});
