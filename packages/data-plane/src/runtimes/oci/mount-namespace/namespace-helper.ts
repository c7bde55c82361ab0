import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { HOST_COMMAND_ENVIRONMENT } from '../host/command.ts';

const PYTHON = '/usr/bin/python3';
const PROGRAM = fileURLToPath(new URL('mount_namespace.py', import.meta.url));
const START_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 10_000;

interface Reply {
  readonly ready?: true;
  readonly id?: number;
  readonly error?: string;
  readonly exited?: number;
  readonly ended?: true;
}

/** A program that the helper has started. */
interface StartedProgram {
  /** Its exit code, or the number of the signal that ended it, negative. Rejects if the helper ends first. */
  readonly exited: Promise<number>;
}

/** The process that runs `mount_namespace.py`: what is asked of it, and what it answers. */
export class NamespaceHelper implements AsyncDisposable {
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  readonly #process: ReturnType<typeof spawn>;
  readonly #asked = new Map<number, PromiseWithResolvers<undefined>>();
  readonly #running = new Map<number, PromiseWithResolvers<number>>();
  readonly #watched = new Map<number, PromiseWithResolvers<undefined>>();
  readonly #ready = Promise.withResolvers<undefined>();
  readonly #endedSignal = Promise.withResolvers<undefined>();
  #complaint = '';
  #ended: Error | undefined;
  #count = 0;

  private constructor(child: ReturnType<typeof spawn>) {
    this.#process = child;
    this.ended = this.#endedSignal.promise;
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new TypeError('the helper has no pipes');
    stdin.on('error', () => undefined);
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-2000);
    });
    createInterface({ input: stdout }).on('line', (line) => {
      this.#hear(JSON.parse(line) as Reply);
    });
    child.once('close', () => {
      this.#end();
    });
    child.once('error', () => {
      this.#end();
    });
  }

  /**
   * @param preparation see `mount_namespace.py`
   * @throws Error with what it printed if it ends before it is ready
   */
  static async start(preparation: object): Promise<NamespaceHelper> {
    const unshare = ['--mount', '--propagation', 'private', '--'];
    // A session of its own: an interrupt typed at the terminal is for the server alone, which ends it in its turn.
    const python = [PYTHON, '-I', '-S', '-B', PROGRAM, JSON.stringify(preparation)];
    const child = spawn('unshare', [...unshare, ...python], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: HOST_COMMAND_ENVIRONMENT,
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
    try {
      const helper = new NamespaceHelper(child);
      await helper.#ready.promise;
      return helper;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error('the helper has no pid');
    return this.#process.pid;
  }

  /** Why it has ended; `undefined` while it lives. */
  get failure(): Error | undefined {
    return this.#ended;
  }

  /** A number for the next question. */
  nextId(): number {
    return ++this.#count;
  }

  /** Sends one line by its standard input. */
  send(message: object): void {
    this.#process.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** The answer to the question `id`. @throws Error with what was wrong, or if none comes in time */
  async answer(id: number): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    const asked = Promise.withResolvers<undefined>();
    this.#asked.set(id, asked);
    const timer = setTimeout(() => {
      this.#refuse(id, new Error(`it was not done within ${ANSWER_TIMEOUT_MS} ms`));
    }, ANSWER_TIMEOUT_MS);
    try {
      await asked.promise;
    } finally {
      clearTimeout(timer);
      this.#asked.delete(id);
    }
  }

  /** To be called before the program `id` is asked for; `forget` it where it is not started. */
  expect(id: number): StartedProgram & { readonly forget: () => void } {
    const running = Promise.withResolvers<number>();
    // A rejection that nobody waits for must not end this process.
    running.promise.catch(() => undefined);
    this.#running.set(id, running);
    return { exited: running.promise, forget: () => this.#running.delete(id) };
  }

  /** To be called before the process of the question `id` is watched. It rejects if the helper ends first. */
  expectEnd(id: number): { readonly ended: Promise<void>; readonly forget: () => void } {
    const watched = Promise.withResolvers<undefined>();
    watched.promise.catch(() => undefined);
    this.#watched.set(id, watched);
    return { ended: watched.promise, forget: () => this.#watched.delete(id) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  #hear({ ready, id = 0, error, exited, ended }: Reply): void {
    if (ready === true) this.#ready.resolve(undefined);
    else if (ended === true) {
      this.#watched.get(id)?.resolve(undefined);
      this.#watched.delete(id);
    } else if (exited !== undefined) {
      this.#running.get(id)?.resolve(exited);
      this.#running.delete(id);
    } else if (error === undefined) this.#asked.get(id)?.resolve(undefined);
    else this.#refuse(id, new Error(error));
  }

  /** Lets the question `id` fail, if it is still open. */
  #refuse(id: number, error: Error): void {
    this.#asked.get(id)?.reject(error);
  }

  #end(): void {
    this.#ended = new Error(`the mount namespace has ended: ${this.#howItEnded()}`);
    this.#endedSignal.resolve(undefined);
    this.#ready.reject(new Error(`no private mount namespace can be made: ${this.#howItEnded()}`));
    this.#ready.promise.catch(() => undefined);
    const waiting = [...this.#asked.values(), ...this.#running.values(), ...this.#watched.values()];
    for (const { reject } of waiting) reject(this.#ended);
    this.#running.clear();
    this.#watched.clear();
  }

  #howItEnded(): string {
    const { exitCode, signalCode } = this.#process;
    const end = signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
    return [`its helper ended with ${end}`, this.#complaint.trim()].filter(Boolean).join(': ');
  }
}
