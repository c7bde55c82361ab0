import type { ProcessExit } from '@caisson/protocol/ports';
import type { SpawnedKernel } from '../ports/kernel-spawner.ts';
import type { ByteChannel } from '../reading/byte-streams.ts';

export const EXIT: ProcessExit = { exitCode: 3, signal: null };
const nothing = (): void => undefined;

/** A stream of a kernel. The test decides what arrives; what is sent while it is paused arrives later. */
export class ScriptedStream implements ByteChannel {
  #take: (bytes: Buffer) => void = nothing;
  #end: () => void = nothing;
  #isPaused = false;
  #waiting = '';

  send(text: string): void {
    if (this.#isPaused) this.#waiting += text;
    else this.#take(Buffer.from(text));
  }

  end(): void {
    this.#end();
  }

  read(take: (bytes: Buffer) => void, end: () => void): void {
    this.#take = take;
    this.#end = end;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    const waiting = this.#waiting;
    this.#waiting = '';
    if (waiting !== '') this.send(waiting);
  }

  readonly write = nothing;
  readonly close = nothing;
}

/** A kernel whose messages, output and end the test decides. */
export class ScriptedKernel implements SpawnedKernel {
  readonly stdout = new ScriptedStream();
  readonly stderr = new ScriptedStream();
  readonly control = new ScriptedStream();
  readonly #exit = Promise.withResolvers<ProcessExit>();
  readonly exited = this.#exit.promise;

  exit(): void {
    this.#exit.resolve(EXIT);
  }

  async interrupt(): Promise<void> {
    return Promise.resolve();
  }

  async kill(): Promise<void> {
    this.exit();
    await this.exited;
  }
}
