import { ControlChannel, type ControlListener } from './control-channel.ts';
import { guardedSource, ReadGuard } from '../reading/read-guard.ts';
import type { KernelFrame } from './kernel-frames.ts';
import type { LoopAccount } from '../reading/loop-share.ts';
import type { KernelEnd } from '../step/outcome.ts';
import { OutputReader } from '../step/output-reader.ts';
import type { SpawnedKernel } from '../ports/kernel-spawner.ts';
import type { StepValues } from '../step/step-values.ts';
import type { KernelValue } from './value-reader.ts';

/** Time between the end of the process and that of its control channel, in either order, before the other is given up. */
const END_WAIT_MS = 500;

interface RunningStep {
  readonly values: StepValues;
  end(end: KernelEnd): void;
}

/** One kernel from its start to its end. It is not trusted: at worst, what it sends or does ends the kernel itself. */
export class KernelProcess {
  readonly stdout: OutputReader;
  readonly stderr: OutputReader;
  /** Whether it was ever ready. */
  wasReady = false;
  /** Whether a step ran in it, so that there is state to lose. */
  used = false;
  readonly #process: SpawnedKernel;
  readonly #account: LoopAccount;
  readonly #control: ControlChannel;
  readonly #ready = Promise.withResolvers<undefined>();
  #end: KernelEnd | undefined;
  /** Set once the process has ended, while what it sent before is still read. */
  #exit: KernelEnd | undefined;
  #isChannelOpen = true;
  #killed: Promise<void> | undefined;
  #step: RunningStep | undefined;

  /** @param account pays for the event-loop time of reading its output */
  constructor(process: SpawnedKernel, account: LoopAccount) {
    this.#process = process;
    this.#account = account;
    const guard = new ReadGuard(account, () => {
      this.#break();
    });
    this.stdout = new OutputReader(guardedSource(process.stdout, guard));
    this.stderr = new OutputReader(guardedSource(process.stderr, guard));
    this.#control = new ControlChannel(process.control, guard, this.#listener(account));
    process.exited.then(
      (exit) => {
        this.#takeExit({ type: 'exited', exit });
      },
      () => {
        this.#finish({ type: 'lost' });
      },
    );
  }

  get alive(): boolean {
    return this.#end === undefined;
  }

  /** Whether its output is not read now because its sandbox is over its share of the event loop. */
  get isReadDelayed(): boolean {
    return this.#account.delays > 0;
  }

  /** Whether it is ready for a step, or dead. */
  get isSettled(): boolean {
    return this.wasReady || !this.alive;
  }

  /** Resolves when it is ready or dead. */
  get settled(): Promise<void> {
    return this.#ready.promise;
  }

  /** Sends one step; resolves when the kernel is done with it or dead, and never rejects. */
  step(line: string, values: StepValues): Promise<KernelEnd> {
    return new Promise((resolve) => {
      if (this.#end !== undefined) {
        resolve(this.#end);
        return;
      }
      this.used = true;
      this.#step = { values, end: resolve };
      this.#control.send(line);
    });
  }

  /** Does nothing before it is ready: an interrupt would only kill it. */
  async interrupt(): Promise<void> {
    if (this.wasReady && this.alive) await this.#process.interrupt();
  }

  /** Kills it and everything it started. Can be called twice; also needed after it died by itself. */
  kill(): Promise<void> {
    this.#killed ??= this.#kill();
    return this.#killed;
  }

  async #kill(): Promise<void> {
    try {
      await this.#process.kill();
    } finally {
      this.#finish(this.#exit ?? { type: 'lost' });
    }
  }

  /** Gives back the descriptors and drops unread output. */
  close(): void {
    this.#control.close();
    this.stdout.close();
    this.stderr.close();
  }

  #listener(account: LoopAccount): ControlListener {
    const isExpected = (): boolean => !this.wasReady || this.#step !== undefined;
    const resultRoomBytes = (): number => this.#step?.values.resultRoomBytes ?? 0;
    return {
      get expects() {
        return isExpected();
      },
      get resultRoomBytes() {
        return resultRoomBytes();
      },
      onResult: (value) => this.#step?.values.takeResult(value),
      onFrame: (frame, value) => {
        this.#take(frame, value);
      },
      onDropped: (bytes) => {
        account.share.countDropped(bytes);
      },
      onLost: () => {
        this.#lose();
      },
    };
  }

  #take(frame: KernelFrame, returnValue: KernelValue | undefined): void {
    if (frame.type === 'ready') {
      if (this.wasReady) this.#break();
      this.wasReady = true;
      this.#ready.resolve(undefined);
    } else if (this.#step === undefined) this.#break();
    else {
      this.#step.values.takeReturnValue(returnValue);
      this.#endStep(frame);
    }
  }

  /** Ends it because it broke the protocol. A failed kill is reported to whoever kills it next. */
  #break(): void {
    this.#finish({ type: 'lost' });
    this.kill().catch(() => undefined);
  }

  /** Results that it sent before it ended may still be unread, where a step waits for them. */
  #takeExit(end: KernelEnd): void {
    this.#exit = end;
    if (this.#step === undefined || !this.#isChannelOpen) {
      this.#finish(end);
      return;
    }
    setTimeout(() => {
      this.#finish(end);
    }, END_WAIT_MS).unref();
  }

  /** The channel closes just before the process ends, and the exit says more than the closing: wait for it. */
  #lose(): void {
    this.#isChannelOpen = false;
    if (this.#exit !== undefined) this.#finish(this.#exit);
    if (!this.alive) return;
    const timer = setTimeout(() => {
      this.#finish({ type: 'lost' });
    }, END_WAIT_MS);
    const wait = (): void => {
      clearTimeout(timer);
    };
    this.#process.exited.then(wait, wait);
  }

  #finish(end: KernelEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#ready.resolve(undefined);
    this.#endStep(end);
  }

  #endStep(end: KernelEnd): void {
    const step = this.#step;
    this.#step = undefined;
    step?.end(end);
  }
}
