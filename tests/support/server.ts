import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { patience } from './patience.ts';

const COMMAND = fileURLToPath(new URL('../../caisson', import.meta.url));
const START_TIMEOUT_MS = patience(60_000);
const STOP_TIMEOUT_MS = patience(60_000);

export interface Answer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** A directory for the data and state of servers. Disposing removes it. */
export function makeServerHome(): Disposable & { readonly dataDir: string; readonly stateDirectory: string } {
  const dataDir = mkdtempSync(join(tmpdir(), 'caisson-data-'));
  const stateDirectory = mkdtempSync(join('/run', 'caisson-test-'));
  return {
    dataDir,
    stateDirectory,
    [Symbol.dispose]: () => {
      for (const path of [dataDir, stateDirectory]) rmSync(path, { recursive: true });
    },
  };
}

/** `caisson serve` as a separate process on a free port, with its first key. Disposing stops it gracefully. */
export class Server implements AsyncDisposable {
  readonly url: string;
  /** The admin key. */
  readonly key: string;
  readonly #process: ChildProcess;
  readonly #log: () => string;

  private constructor(url: string, key: string, process: ChildProcess, log: () => string) {
    this.url = url;
    this.key = key;
    this.#process = process;
    this.#log = log;
  }

  /** @param nodeArguments arguments of node, before those of the command */
  static async start(
    home: { dataDir: string; stateDirectory: string },
    started: {
      readonly nodeArguments?: readonly string[];
      readonly environment?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Server> {
    const { nodeArguments = [], environment = {} } = started;
    const child = spawn(COMMAND, ['serve', '--port', '0', '--data-dir', home.dataDir], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_OPTIONS: nodeArguments.join(' '),
        CAISSON_STATE_DIR: home.stateDirectory,
        ...environment,
      },
    });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-100_000)));
    const lines = createInterface({ input: child.stdout });
    const limit = AbortSignal.timeout(START_TIMEOUT_MS);
    const line = await Promise.race([
      once(lines, 'line', { signal: limit }).then(([text]) => String(text)),
      once(child, 'exit', { signal: limit }).then(() => {
        throw new Error(`the server did not start: ${log}`);
      }),
    ]);
    const url = /http:\/\/\S+/.exec(line)?.[0];
    if (url === undefined) throw new Error(`the server did not say where it listens: ${line}`);
    return new Server(url, readFileSync(join(home.dataDir, 'admin.key'), 'utf8'), child, () => log);
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error('the server has no pid');
    return this.#process.pid;
  }

  get log(): string {
    return this.#log();
  }

  /** Calls the API with the admin key; a `body` that is a plain object is sent as JSON. */
  async call<Body = Record<string, unknown>>(
    method: string,
    path: string,
    options: { body?: object; headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Answer<Body>> {
    const { body, headers = {}, signal = AbortSignal.timeout(patience(150_000)) } = options;
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      signal,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson ? JSON.parse(text) : text) as Body,
    };
  }

  /** The exit code, once it ends by itself. */
  async exitCode(): Promise<number | null> {
    if (this.#process.exitCode === null && this.#process.signalCode === null)
      await once(this.#process, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
    return this.#process.exitCode;
  }

  /** Ends it as an operator would, and returns its exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  /** Kills it as a crash would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const exitCode = this.exitCode();
    this.#process.kill(signal);
    return exitCode;
  }
}

/** Resolves when `condition` holds; rejects after `timeoutMs`. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs = patience(60_000),
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`it did not come to be within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
