import { spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../caisson', import.meta.url));
const START_MS = 60_000;
const STOP_MS = 60_000;

export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly adminKey: string;
  readonly pid: number;
}

/** Starts the real server on a free port with its own data directory. Disposing stops it and removes everything. */
export async function startServer(signal: AbortSignal): Promise<Server> {
  await using undo = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'caisson-bench-'));
  undo.defer(() => rm(directory, { recursive: true }));
  const log = join(directory, 'log');
  const logFd = openSync(log, 'w');
  const args = ['serve', '--port', '0', '--data-dir', directory];
  // Its own process group: an interrupt at the terminal goes to the benchmark, which then stops the server.
  const child = spawn(COMMAND, args, { stdio: ['ignore', 'pipe', logFd], detached: true });
  closeSync(logFd);
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve();
    });
  });
  undo.defer(() => stop(child, ended));
  if (child.stdout === null) throw new Error('the server has no output to read');
  const lines = createInterface({ input: child.stdout });
  const url = await listening(lines, AbortSignal.any([signal, AbortSignal.timeout(START_MS)])).catch(
    async (error: unknown) => {
      throw new Error(`the server did not start: ${await readFile(log, 'utf8')}`, { cause: error });
    },
  );
  const adminKey = (await readFile(join(directory, 'admin.key'), 'utf8')).trim();
  const release = undo.move();
  return { url, adminKey, pid: child.pid ?? 0, [Symbol.asyncDispose]: async () => release.disposeAsync() };
}

async function listening(lines: ReturnType<typeof createInterface>, signal: AbortSignal): Promise<string> {
  const closed = new AbortController();
  lines.once('close', () => {
    closed.abort(new Error('it has ended'));
  });
  const [line] = (await once(lines, 'line', { signal: AbortSignal.any([signal, closed.signal]) })) as [
    string,
  ];
  const url = /http:\S+/.exec(line)?.[0];
  if (url === undefined) throw new Error(`it said: ${line}`);
  return url;
}

async function stop(child: ReturnType<typeof spawn>, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const patience = new AbortController();
  const late = delay(STOP_MS, undefined, { signal: patience.signal }).then(
    () => child.kill('SIGKILL'),
    () => false,
  );
  await ended;
  patience.abort();
  if (await late) throw new Error(`the server did not stop within ${STOP_MS} ms`);
}
