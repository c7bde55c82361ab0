import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { leftoversOf } from '../support/leftovers.ts';
import { makeServerHome, Server, until } from '../support/server.ts';

const CAISSON = fileURLToPath(new URL('../../caisson', import.meta.url));
const HELLO = fileURLToPath(new URL('../../examples/hello.py', import.meta.url));

suite('the command line over real sandboxes', () => {
  const cleanup = new AsyncDisposableStack();
  const home = makeServerHome();
  const scripts = mkdtempSync(join(tmpdir(), 'caisson-scripts-'));
  let server: Server;

  before(async () => {
    server = cleanup.use(await Server.start(home));
  });
  after(async () => {
    await cleanup.disposeAsync();
    home[Symbol.dispose]();
    rmSync(scripts, { recursive: true });
  });

  const start = (args: readonly string[], env: Record<string, string> = {}) =>
    spawn(CAISSON, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, CAISSON_STATE_DIR: home.stateDirectory, ...env },
    });
  const run = async (args: readonly string[], env: Record<string, string> = {}, stdin = '') => {
    const child = start(args, env);
    child.stdin.end(stdin);
    const exited = once(child, 'exit');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = (await exited) as [number | null];
    return { code, stdout, stderr };
  };
  const atServer = () => ({ CAISSON_URL: server.url, CAISSON_API_KEY: server.key });
  const script = (name: string, code: string) => {
    const path = join(scripts, name);
    writeFileSync(path, code);
    return path;
  };

  test('without a server it runs a file in an embedded one and leaves nothing behind', async () => {
    const state = makeServerHome();
    const { code, stdout } = await run(['run', HELLO], { CAISSON_STATE_DIR: state.stateDirectory });
    assert.equal(code, 0);
    assert.match(stdout, /hello/);
    assert.deepEqual(leftoversOf(state.stateDirectory, 'none'), []);
    state[Symbol.dispose]();
  });

  test('the first start prints the path of the admin key, but not the key', async () => {
    using fresh = makeServerHome();
    const child = start(['serve', '--port', '0', '--data-dir', fresh.dataDir], {
      CAISSON_STATE_DIR: fresh.stateDirectory,
    });
    child.stdin.end();
    const exited = once(child, 'exit');
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
    }
    const keyFile = join(fresh.dataDir, 'admin.key');
    await until('it says where the key is', () => Promise.resolve(printed.includes(keyFile)));
    child.kill('SIGTERM');
    await exited;
    assert.equal(printed.includes(readFileSync(keyFile, 'utf8').trim()), false);
    assert.doesNotMatch(printed, /csn_/);
  });

  test('its exit code is that of the code', async () => {
    assert.equal((await run(['run', script('three.py', 'import sys; sys.exit(3)')], atServer())).code, 3);
    assert.equal((await run(['run', script('boom.js', 'throw new Error("boom")')], atServer())).code, 1);
    const late = await run(['run', '--timeout', '0.5', script('late.sh', 'sleep 60')], atServer());
    assert.equal(late.code, 124);
  });

  test('it reads code from standard input, with the language as an option', async () => {
    const { stdout } = await run(['run', '-', '--language', 'javascript'], atServer(), 'console.log(1 + 1)');
    assert.equal(stdout, '2\n');
  });

  test('--json prints the whole result', async () => {
    const { stdout } = await run(['run', '--json', script('json.py', 'print(1)')], atServer());
    const result = JSON.parse(stdout) as { status: string; stdout: string };
    assert.deepEqual([result.status, result.stdout], ['succeeded', '1\n']);
  });

  test('an interrupt cancels the execution', async () => {
    const child = start(
      ['run', script('long.py', 'import time\nprint("begun", flush=True)\ntime.sleep(600)')],
      atServer(),
    );
    const exited = once(child, 'exit');
    child.stdin.end();
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    assert.match(chunk.toString(), /begun/);
    child.kill('SIGINT');
    assert.equal(((await exited) as [number])[0], 130);
    await until('the execution is cancelled', async () => {
      const health = await server.call<{ executions: { running: number } }>('GET', '/api/v1/health/detailed');
      return health.body.executions.running === 0;
    });
  });

  test('sessions are created, used, listed and removed', async () => {
    const { stdout: made } = await run(['sessions', 'create'], atServer());
    const id = /ses_\w+/.exec(made)?.[0] ?? '';
    assert.match(id, /^ses_/);
    await run(['sessions', 'exec', id, script('set.py', 'kept = 1')], atServer());
    assert.equal(
      (await run(['sessions', 'exec', id, script('get.py', 'print(kept)')], atServer())).stdout,
      '1\n',
    );
    assert.match((await run(['sessions', 'ls'], atServer())).stdout, new RegExp(id));
    assert.equal((await run(['sessions', 'rm', id], atServer())).code, 0);
    const gone = await run(['sessions', 'exec', id, script('more.py', 'print(1)')], atServer());
    assert.notEqual(gone.code, 0);
    assert.match(gone.stderr, /^caisson: /);
  });

  test('doctor reports which runtimes work', async () => {
    const { code, stdout } = await run(['doctor']);
    assert.equal(code, 0);
    assert.match(stdout, /crun/);
    assert.match(stdout, /runc/);
  });
});
