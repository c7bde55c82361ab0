import { existsSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ByteSink, ByteSource, Process, ProcessExit } from '@caisson/protocol/ports';
import { CaissonError } from '@caisson/protocol/api';
import { byteSink, byteSource } from '@caisson/session-agent';
import { sendSignal } from '../../cgroups/send-signal.ts';
import { signalName } from '../../signal-name.ts';
import type { Program } from './mount-namespace/mount-namespace.ts';

const START_POLL_MS = 2;

/** This server's ends of the pipes of a process. */
export interface ProcessStreams {
  readonly stdin: Socket | null;
  readonly stdout: Socket;
  readonly stderr: Socket;
}

export interface ProcessOwner {
  /** Kills the process and all that it started. */
  killTree(): Promise<void>;
  onDisposed(): void;
}

/** A process that the runtime's `exec` started in a sandbox. */
export class OciProcess implements Process {
  readonly stdin: ByteSink | null;
  readonly stdout: ByteSource;
  readonly stderr: ByteSource;
  readonly exited: Promise<ProcessExit>;
  readonly #program: Program;
  readonly #input: Socket | null;
  readonly #pidFile: string;
  readonly #owner: ProcessOwner;
  #hasStarted = false;
  #ended = false;
  #disposed: Promise<void> | undefined;

  constructor(program: Program, streams: ProcessStreams, pidFile: string, owner: ProcessOwner) {
    this.#program = program;
    this.#pidFile = pidFile;
    this.#owner = owner;
    this.#input = streams.stdin;
    this.stdin = streams.stdin && byteSink(streams.stdin);
    this.stdout = byteSource(streams.stdout);
    this.stderr = byteSource(streams.stderr);
    this.exited = this.#waitForExit();
  }

  /** Its pid on the host, once the runtime has started it and until it has ended. */
  pid(): number | undefined {
    return this.#ended ? undefined : this.#readPid();
  }

  /** Waits until the runtime has started it, or has failed to; tells which. */
  async hasStarted(signal: AbortSignal): Promise<boolean> {
    while (!this.#ended && this.#readPid() === undefined) {
      signal.throwIfAborted();
      await Promise.race([this.exited, delay(START_POLL_MS)]);
    }
    return !this.#ended || this.#hasStarted;
  }

  async signal(name: NodeJS.Signals): Promise<void> {
    // The runtime's process waits for it as its parent would, so the pid is not another's while that one lives.
    const pid = this.pid();
    if (pid !== undefined) sendSignal(pid, name);
    return Promise.resolve();
  }

  async resize(): Promise<void> {
    return Promise.reject(refused('terminal', 'is missing: the process was started without one'));
  }

  async kill(): Promise<void> {
    await this.#owner.killTree();
    // It is not in the sandbox, and would wait for ever if the process was never started.
    if (!this.#ended) this.#program.kill();
    await this.exited;
  }

  /** Gives back the descriptors. */
  close(): void {
    this.#input?.destroy();
    this.stdout.close();
    this.stderr.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    await this.#disposed;
  }

  async #dispose(): Promise<void> {
    try {
      await this.kill();
    } finally {
      this.close();
      this.#owner.onDisposed();
    }
  }

  #readPid(): number | undefined {
    try {
      const pid = Number(readFileSync(this.#pidFile, 'utf8'));
      return pid > 0 ? pid : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #waitForExit(): Promise<ProcessExit> {
    try {
      const code = await this.#program.exited;
      return code < 0 ? { exitCode: null, signal: signalName(-code) ?? 'SIGKILL' } : fromStatus(code);
    } catch {
      // Nobody is left who could tell.
      return { exitCode: null, signal: 'SIGKILL' };
    } finally {
      this.#hasStarted = existsSync(this.#pidFile);
      this.#ended = true;
    }
  }
}

/** An error for a request for a process that cannot be met. */
export function refused(field: string, message: string): CaissonError {
  return new CaissonError('validation_failed', { fields: [{ field, message }] });
}

/** The runtime ends as its process did, with 128 and the number of the signal where it was a signal. */
function fromStatus(status: number): ProcessExit {
  const signal = signalName(status - 128);
  return signal === undefined ? { exitCode: status, signal: null } : { exitCode: null, signal };
}
