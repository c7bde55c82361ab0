import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TestSession } from '../engine/engine.testing.ts';

suite('javascript', () => {
  test('state is kept, names can be declared again, await works, the last value is a result', async () => {
    await using session = new TestSession('javascript');
    await session.run('const x = await Promise.resolve(20)');
    await session.run('const x = 30');
    const { events } = await session.run('x + 1');
    assert.deepEqual(events, [{ type: 'result', bundle: { 'text/plain': '31', 'application/json': 31 } }]);
  });

  for (const code of [
    'exports.handler = async (event) => event.name',
    'module.exports = { handler: (event) => event.name }',
    'export function handler(event) { return event.name }',
    'export const handler = (event, context) => (context.getRemainingTimeInMillis() > 0 ? event.name : 0)',
    'function handler(event) { return event.name }',
    'const handler = async (event) => event.name',
    'import { sep } from "node:path"; const h = (event) => (sep ? event.name : 0); export { h as handler }',
  ]) {
    test(`${code} is called`, async () => {
      await using session = new TestSession('javascript');
      assert.equal((await session.run(code)).outcome.returnValue, 'Ada "\\ é');
      assert.equal((await session.run('1')).outcome.returnValue, undefined);
    });
  }

  for (const [value, problem] of [
    ['10n', /return_value is a bigint/],
    ['({ a: () => 1 })', /return_value.a is a function/],
    ['{ const a = {}; a.a = a; return a; }', /refers back/],
  ] as const) {
    test(`a handler that returns ${value} fails and says why`, async () => {
      await using session = new TestSession('javascript');
      const { outcome } = await session.run(`const handler = () => ${value}`);
      assert.equal(outcome.reason, 'exception');
      assert.match(outcome.error?.message ?? '', problem);
    });
  }

  test('neither the code nor what it starts takes part in the compile cache of the kernel', async () => {
    await using session = new TestSession('javascript');
    const { stdout } = await session.run(
      'process.stdout.write(require("child_process").execSync("env").toString()); console.log(Object.keys(process.env).join())',
    );
    assert.match(stdout, /PATH/);
    assert.ok(!stdout.includes('NODE_COMPILE_CACHE'), stdout);
  });

  test('import forms are resolved in the workspace', async () => {
    await using session = new TestSession('javascript');
    await session.run('require("fs").writeFileSync("m.mjs", "export default 1; export const b = 2"); 0');
    const { events } = await session.run(
      'import d, { b as c } from "./m.mjs"; import * as m from "./m.mjs"; [d, c, m.b, (await import("./m.mjs")).b]',
    );
    assert.deepEqual(events.at(-1), {
      type: 'result',
      bundle: { 'text/plain': '[ 1, 2, 2, 2 ]', 'application/json': [1, 2, 2, 2] },
    });
  });

  test("errors, also late and unhandled ones, are the step's, with the caller's frames only", async () => {
    await using session = new TestSession('javascript');
    for (const code of [
      'throw new TypeError("bad")',
      'Promise.reject(new TypeError("bad")); 1',
      'setTimeout(() => { throw new TypeError("bad") }); await new Promise(() => {})',
    ]) {
      const { outcome } = await session.run(code);
      assert.equal(outcome.error?.name, 'TypeError', code);
      assert.doesNotMatch(outcome.error.traceback.join('\n'), /node:|kernels/);
    }
  });

  test('stdin reaches readFileSync, process.stdin and children', async () => {
    await using session = new TestSession('javascript');
    for (const code of [
      'process.stdout.write(require("fs").readFileSync(0, "utf8")); undefined',
      'for await (const chunk of process.stdin) process.stdout.write(chunk)',
      'require("child_process").spawnSync("cat", { stdio: "inherit" }); undefined',
    ]) {
      assert.equal((await session.run(code, { stdin: 'some text' })).stdout, 'some text', code);
    }
  });

  test('a job waits for what it has started, a session does not', async () => {
    await using session = new TestSession('javascript');
    const code = 'setTimeout(() => console.log("late"), 50); undefined';
    assert.equal((await session.run(code, { sessionId: null })).stdout, 'late\n');
  });

  test('a result that is shown right before the process ends is not lost', async () => {
    await using session = new TestSession('javascript');
    const length = 2 ** 19;
    const { outcome, events } = await session.run(`display("x".repeat(${length})); process.exit(3)`);
    assert.deepEqual([outcome.reason, outcome.exitCode], ['exit_code', 3]);
    assert.equal(events[0]?.type, 'result');
    assert.ok(JSON.stringify(events).includes('x'.repeat(length)));
  });

  test('children do not see the control channel', async () => {
    await using session = new TestSession('javascript');
    const find = '["/proc/self/fd", "-lname", "socket:*"]';
    const code = `require("child_process").spawnSync("find", ${find}, { stdio: "inherit" }); undefined`;
    // Standard output and error are sockets here, too.
    assert.equal((await session.run(code)).stdout, '/proc/self/fd/1\n/proc/self/fd/2\n');
  });

  test('a promise that can never settle is waited for until the deadline', async () => {
    await using session = new TestSession('javascript');
    await session.run('let a = 1');
    const { outcome } = await session.run('await new Promise(() => {})', { timeoutMs: 200 });
    assert.equal(outcome.kernelRestarted, false);
    const garbage = 'let k = []; for (let i = 0; i < 500000; i++) k.push({ i }); a';
    assert.deepEqual((await session.run(garbage)).events.length, 1);
  });

  test('a heap that is full is out_of_memory', async () => {
    await using session = new TestSession('javascript', 32 * 2 ** 20);
    const { outcome } = await session.run('const all = []; for (;;) all.push({ a: [all.length] })');
    assert.equal(outcome.reason, 'out_of_memory');
  });
});
