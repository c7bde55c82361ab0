import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { instanceOf, leftoversOf } from '../support/leftovers.ts';
import { makeServerHome, Server, until } from '../support/server.ts';

interface Execution {
  execution_id: string;
  status: string;
  reason: string | null;
  stdout: string;
  return_value: unknown;
  isolation_scope: string;
}

suite('the server over real sandboxes', () => {
  const cleanup = new AsyncDisposableStack();
  const home = makeServerHome();
  let server: Server;
  let instance: string;

  before(async () => {
    server = cleanup.use(await Server.start(home));
    instance = instanceOf(home.stateDirectory);
  });
  after(async () => {
    await cleanup.disposeAsync();
    assert.deepEqual(leftoversOf(home.stateDirectory, instance), []);
    home[Symbol.dispose]();
  });

  const createSession = async (body: object = {}) => {
    const answer = await server.call<{ session_id: string; status: string }>('POST', '/api/v1/sessions', {
      body,
    });
    assert.equal(answer.status, 201);
    return answer.body;
  };
  const execute = async (sessionId: string, body: object) =>
    (await server.call<Execution>('POST', `/api/v1/sessions/${sessionId}/execute`, { body })).body;

  test('the quick start works word for word', async () => {
    const session = await createSession({
      template_id: 'python',
      timeout: 300,
      resources: { cpu: '1', memory: '512Mi', disk: '1Gi' },
    });
    assert.equal(session.status, 'running');
    const result = await execute(session.session_id, {
      code: 'def handler(event):\n    return {"result": "hello world"}',
      language: 'python',
      timeout: 30,
    });
    assert.deepEqual(result.return_value, { result: 'hello world' });
    await execute(session.session_id, { code: 'kept = 41' });
    assert.equal((await execute(session.session_id, { code: 'print(kept + 1)' })).stdout, '42\n');
  });

  test('200 jobs at once all succeed', async () => {
    const jobs = Array.from({ length: 200 }, async (_, index) =>
      server.call<Execution>('POST', '/api/v1/jobs', { body: { code: `print(${index})`, timeout: 120 } }),
    );
    for (const [index, { status, body }] of (await Promise.all(jobs)).entries()) {
      assert.equal(status, 200);
      assert.deepEqual([body.status, body.stdout], ['succeeded', `${index}\n`]);
    }
  });

  test('a file whose name is not UTF-8 can be read and deleted by its listed path', async () => {
    const { session_id: sessionId } = await createSession();
    const code = `
import os
names = [b'\\xff\\xfe', b'caf\\xe9.txt', 'caf\\u00e9.txt'.encode(), '\\uef80'.encode(), b'\\x80']
os.mkdir(b'/workspace/\\xf0')
for name in names:
    with open(b'/workspace/\\xf0/' + name, 'w') as file: file.write(name.hex())
print(' '.join(sorted(name.hex() for name in names)))`;
    const written = (await execute(sessionId, { code })).stdout.trim().split(' ');
    const files = `/api/v1/sessions/${sessionId}/files`;
    interface List {
      items: { path: string }[];
      next_cursor: string | null;
    }
    const [directory] = (await server.call<List>('GET', files)).body.items;
    const read: string[] = [];
    const query = `path=${encodeURIComponent(directory?.path ?? '')}&limit=2`;
    let next: string | null = query;
    while (next !== null) {
      const page: List = (await server.call<List>('GET', `${files}?${next}`)).body;
      for (const { path } of page.items) {
        const url = `${files}/${encodeURIComponent(path)}`;
        const answer = await server.call<string>('GET', url);
        assert.match(answer.headers.get('content-disposition') ?? '', /^attachment; filename="[\w.\- ]+"; /);
        assert.equal((await server.call('HEAD', url)).status, 200);
        read.push(answer.body);
        assert.equal((await server.call('DELETE', url)).status, 204);
      }
      next = page.next_cursor === null ? null : `${query}&cursor=${page.next_cursor}`;
    }
    assert.deepEqual(read, written);
    const left = await execute(sessionId, { code: `print(os.listdir(b'/workspace/\\xf0'))` });
    assert.equal(left.stdout, '[]\n');
  });

  test('uploaded files are visible to the code, and downloads return the same bytes', async () => {
    const { session_id: sessionId } = await createSession({ resources: { disk: '64Mi' } });
    const bytes = randomBytes(8 * 1024 * 1024);
    const url = `${server.url}/api/v1/sessions/${sessionId}/files/data/in.bin`;
    const authorization = `Bearer ${server.key}`;
    const put = await fetch(url, { method: 'PUT', body: bytes, headers: { authorization } });
    assert.ok([200, 201].includes(put.status), await put.text());
    const seen = await execute(sessionId, {
      code: 'import hashlib, os\ndata = open("data/in.bin", "rb").read()\nopen("data/out.bin", "wb").write(data[::-1])\nprint(len(data), os.stat("data/in.bin").st_uid)',
    });
    assert.equal(seen.stdout, `${bytes.length} 1000\n`);
    const get = await fetch(url.replace('in.bin', 'out.bin'), { headers: { authorization } });
    assert.deepEqual(Buffer.from(await get.arrayBuffer()), Buffer.from(bytes).reverse());
    const list = await server.call<{ items: { name: string }[] }>(
      'GET',
      `/api/v1/sessions/${sessionId}/files?path=data`,
    );
    assert.deepEqual(
      list.body.items.map(({ name }) => name),
      ['in.bin', 'out.bin'],
    );
    const full = await fetch(url.replace('in.bin', 'big'), {
      method: 'PUT',
      body: Buffer.alloc(80 * 1024 * 1024),
      headers: { authorization },
    });
    assert.equal(full.status, 413);
    assert.equal(((await full.json()) as { code: string }).code, 'workspace_full');
    assert.equal((await server.call('DELETE', `/api/v1/sessions/${sessionId}/files/data`)).status, 204);
  });

  test('a link planted by the code leads no file call out of the workspace', async () => {
    const { session_id: sessionId } = await createSession();
    await execute(sessionId, {
      code: 'import os\nos.symlink("/etc/passwd", "passwd")\nos.symlink("../../..", "up")\nos.symlink("/proc/1/root", "root")',
    });
    for (const path of ['passwd', 'up/etc/passwd', 'root/etc/passwd']) {
      const answer = await server.call<{ code: string }>(
        'GET',
        `/api/v1/sessions/${sessionId}/files/${path}`,
      );
      assert.equal(answer.body.code, 'path_outside_workspace', path);
    }
  });

  test('output streams as it happens', async () => {
    const { session_id: sessionId } = await createSession();
    const response = await fetch(`${server.url}/api/v1/sessions/${sessionId}/execute`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.key}`,
        'content-type': 'application/json',
        accept: 'text/event-stream',
      },
      // The second half waits for a file that the test writes once it has seen the first.
      body: JSON.stringify({
        code: 'import os, time\nprint("first", flush=True)\nwhile not os.path.exists("go"): time.sleep(0.01)\nprint("second")',
      }),
    });
    let text = '';
    let released = false;
    assert.ok(response.body);
    for await (const chunk of response.body) {
      text += Buffer.from(chunk).toString();
      if (!released && text.includes('first')) {
        released = true;
        await server.call('PUT', `/api/v1/sessions/${sessionId}/files/go`, {
          headers: { 'content-length': '0' },
        });
      }
    }
    assert.match(text, /event: stdout[\s\S]*first[\s\S]*event: stdout[\s\S]*second[\s\S]*event: finished/);
  });

  test('a paused session does nothing until it is resumed', async () => {
    const { session_id: sessionId } = await createSession();
    await execute(sessionId, {
      code: 'import subprocess\nsubprocess.Popen(["sh", "-c", "while :; do date +%s%N > tick; sleep 0.01; done"])',
    });
    const tick = async () =>
      (await server.call<string>('GET', `/api/v1/sessions/${sessionId}/files/tick`)).body;
    assert.equal((await server.call('POST', `/api/v1/sessions/${sessionId}/pause`)).status, 200);
    assert.equal(
      (await server.call('POST', `/api/v1/sessions/${sessionId}/execute`, { body: { code: '1' } })).status,
      409,
    );
    assert.equal((await server.call('POST', `/api/v1/sessions/${sessionId}/resume`)).status, 200);
    const before = await tick();
    await execute(sessionId, { code: 'import time\ntime.sleep(0.2)' });
    assert.notEqual(await tick(), before);
  });

  test('a caller that disconnects leaves no sandbox behind', async () => {
    const abort = new AbortController();
    const gone = server
      .call('POST', '/api/v1/jobs', {
        body: { code: 'import time\ntime.sleep(600)', timeout: 900 },
        signal: abort.signal,
      })
      .catch((error: unknown) => error);
    const running = async () =>
      (await server.call<{ executions: { running: number } }>('GET', '/api/v1/health/detailed')).body
        .executions.running;
    await until('the job runs', async () => (await running()) > 0);
    abort.abort();
    await gone;
    await until('the job has ended', async () => (await running()) === 0);
  });

  test('the log has the digest of user code, not the code', async () => {
    const secret = randomBytes(12).toString('hex');
    const result = await server.call<Execution>('POST', '/api/v1/jobs', {
      body: { code: `print("${secret}")` },
    });
    assert.equal(result.body.stdout, `${secret}\n`);
    await until('the log tells of the execution', async () =>
      Promise.resolve(server.log.includes(result.body.execution_id)),
    );
    assert.ok(!server.log.includes(secret));
  });
});
