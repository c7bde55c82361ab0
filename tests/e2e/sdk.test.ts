import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ApiError, CaissonClient } from '../../packages/sdk/src/index.ts';
import { makeServerHome, Server, until } from '../support/server.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/session.ts', import.meta.url));

suite('the SDK over a real server', () => {
  const cleanup = new AsyncDisposableStack();
  let client: CaissonClient;
  let url: string;
  let apiKey: string;

  before(async () => {
    const home = cleanup.use(makeServerHome());
    const server = cleanup.use(await Server.start(home));
    ({ url, key: apiKey } = server);
    client = new CaissonClient({ url, apiKey });
  });
  after(async () => cleanup.disposeAsync());

  test('a job runs to its end, and an exception in it is a result', async () => {
    const good = await client.jobs.run({ language: 'python', code: 'print(6 * 7)' });
    assert.deepEqual([good.status, good.stdout], ['succeeded', '42\n']);
    const bad = await client.jobs.run({ language: 'javascript', code: 'throw new TypeError("no")' });
    assert.deepEqual([bad.status, bad.reason, bad.error?.name], ['failed', 'exception', 'TypeError']);
    assert.deepEqual(await client.executions.result(good.execution_id), good);
    const listed = await Array.fromAsync(client.executions.listAll({ limit: 1 }));
    assert.deepEqual(
      listed.map(({ execution_id: id }) => id),
      [bad.execution_id, good.execution_id],
    );
  });

  test('the same key runs the job once', async () => {
    const job = { language: 'shell', code: 'date +%N' } as const;
    const first = await client.jobs.run(job, { idempotencyKey: 'once' });
    assert.deepEqual(await client.jobs.run(job, { idempotencyKey: 'once' }), first);
  });

  test('a session keeps its state, streams its output, and waits while it is paused', async () => {
    const { session_id: id } = await client.sessions.create({ resources: { disk: '16Mi' } });
    await client.sessions.execute(id, { code: 'kept = 41' });
    const { id: execution, events } = await client.sessions.stream(id, {
      code: 'import time, os\nprint("first", flush=True)\nwhile not os.path.exists("go"): time.sleep(0.01)\nprint(kept + 1)',
    });
    const printed: string[] = [];
    for await (const event of events) {
      if (event.type !== 'stdout') continue;
      printed.push(event.text);
      // The second half waits for this file, so that the first was not held back.
      if (printed.length === 1) await client.files.write(id, 'go', '');
    }
    assert.equal(printed.join(''), 'first\n42\n');
    const replayed = await Array.fromAsync(client.executions.follow(execution));
    assert.equal(replayed.at(-1)?.type, 'finished');
    assert.equal((await client.executions.logs(execution)).stdout, 'first\n42\n');

    assert.equal((await client.sessions.pause(id)).status, 'paused');
    await assert.rejects(client.sessions.execute(id, { code: '1' }), { code: 'session_not_running' });
    assert.equal((await client.sessions.resume(id)).status, 'running');
    const { expires_at: before } = await client.sessions.get(id);
    const { expires_at: later } = await client.sessions.extend(id, { timeout: 3000 });
    assert.ok(Date.parse(later) > Date.parse(before));
    assert.equal((await client.sessions.executions(id)).items.length, 2);
    await client.sessions.terminate(id);
    const { items } = await client.sessions.list({ status: 'terminated' });
    assert.deepEqual(
      items.map(({ session_id: ended }) => ended),
      [id],
    );
  });

  test('files of any name are uploaded and downloaded as bytes', async () => {
    const { session_id: id } = await client.sessions.create({ resources: { disk: '16Mi' } });
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    const name = 'dir/a b#c?%2e/ü.bin';
    await client.files.write(id, name, bytes);
    assert.deepEqual(Buffer.from(await client.files.read(id, name)), Buffer.from(bytes));
    await assert.rejects(client.files.read(id, name, { maxBytes: 1000 }), { code: 'response_too_large' });
    const { sizeBytes, body } = await client.files.download(id, name);
    assert.equal(sizeBytes, bytes.length);
    assert.deepEqual(Buffer.from(await new Response(body).arrayBuffer()), Buffer.from(bytes));
    // A stream as the body, such as another download.
    const again = await client.files.download(id, name);
    await client.files.write(id, 'copy.bin', again.body);
    const seen = await client.sessions.execute(id, {
      language: 'shell',
      code: `cmp 'dir/a b#c?%2e/ü.bin' copy.bin && echo same`,
    });
    assert.equal(seen.stdout, 'same\n', seen.stderr);
    const entries = await Array.fromAsync(client.files.listAll(id, { limit: 1 }));
    assert.deepEqual(
      entries.map(({ path }) => path),
      ['copy.bin', 'dir'],
    );
    await client.files.delete(id, 'dir');
    await assert.rejects(client.files.read(id, name), (error) => {
      assert.ok(error instanceof ApiError);
      assert.deepEqual([error.code, error.status], ['file_not_found', 404]);
      return true;
    });
    await client.sessions.terminate(id);
  });

  test('an abort cancels an awaited job, and cancel ends one in the background', async () => {
    const abort = new AbortController();
    const code = 'import time\ntime.sleep(600)';
    const running = client.jobs.run({ code }, { signal: abort.signal });
    await until(
      'it runs',
      async () => (await client.executions.list({ status: 'running' })).items.length === 1,
    );
    abort.abort(new Error('enough'));
    await assert.rejects(running, { message: 'enough' });
    await until('it is cancelled', async () => {
      return (await client.executions.list({ status: 'running' })).items.length === 0;
    });
    const { execution_id: id } = await client.jobs.start({ code });
    assert.equal((await client.jobs.cancel(id)).status, 'cancelled');
    assert.equal((await client.executions.status(id)).status, 'cancelled');
  });

  test('the example runs as it stands', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [EXAMPLE], {
      env: { ...process.env, CAISSON_URL: url, CAISSON_API_KEY: apiKey },
    });
    assert.equal(stdout, '6\n');
  });

  test('a wrong key is refused with a suggestion, and the health check needs no key', async () => {
    const stranger = new CaissonClient({ url, apiKey: 'csn_wrong' });
    await assert.rejects(stranger.sessions.list(), (error) => {
      assert.ok(error instanceof ApiError);
      assert.deepEqual([error.code, error.status], ['unauthenticated', 401]);
      assert.match(error.suggestion ?? '', /Authorization: Bearer/);
      return true;
    });
    assert.equal((await new CaissonClient({ url }).health()).status, 'ok');
  });
});
