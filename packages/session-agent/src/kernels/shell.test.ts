import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TestSession } from '../engine/engine.testing.ts';

suite('shell', () => {
  test('directory, variables, functions, options and aliases are kept', async () => {
    await using session = new TestSession('shell');
    await session.run('cd /usr; x=5; f() { echo "f $1"; }; set -u; alias a="echo alias"');
    const { stdout, outcome } = await session.run(
      'pwd\necho $x\nf 1\na\n(echo $none) 2>/dev/null || echo unset',
    );
    assert.equal(stdout, '/usr\n5\nf 1\nalias\nunset\n');
    assert.equal(outcome.status, 'succeeded');
  });

  test('the exit code is that of the last command', async () => {
    await using session = new TestSession('shell');
    const { outcome } = await session.run('(exit 7)');
    assert.equal(outcome.reason, 'exit_code');
    assert.equal(outcome.exitCode, 7);
  });

  test('a syntax error leaves the kernel alive', async () => {
    await using session = new TestSession('shell');
    await session.run('x=1');
    const { outcome, stderr } = await session.run('if then');
    assert.equal(outcome.exitCode, 2);
    assert.match(stderr, /syntax error/);
    assert.equal((await session.run('echo $x')).stdout, '1\n');
  });

  test('stdin, environment and event reach the code, for that step only', async () => {
    await using session = new TestSession('shell');
    const { stdout } = await session.run('cat; printenv A; echo "$CAISSON_EVENT"', {
      stdin: 'in\n',
      env: { A: '"\\\'$x' },
    });
    assert.equal(stdout, 'in\n"\\\'$x\n{"name":"Ada \\"\\\\ é"}\n');
    assert.equal((await session.run('cat; echo "[${A-unset}]"')).stdout, '[unset]\n');
  });

  test('commands do not see the control channel', async () => {
    await using session = new TestSession('shell');
    const { stdout } = await session.run('find /proc/self/fd -lname "socket:*"');
    // Standard output and error are sockets here, too.
    assert.equal(stdout, '/proc/self/fd/1\n/proc/self/fd/2\n');
  });

  for (const code of [
    'sleep 100',
    'while true; do sleep 1; done',
    'while :; do :; done',
    'f() { while true; do :; done; }; f',
  ]) {
    test(`${code} is interrupted and the state kept`, async () => {
      await using session = new TestSession('shell');
      await session.run('x=1');
      const { outcome } = await session.run(code, { timeoutMs: 300 });
      assert.equal(outcome.status, 'timed_out');
      assert.equal(outcome.kernelRestarted, false);
      assert.equal((await session.run('echo $x')).stdout, '1\n');
    });
  }
});
