import type { SandboxPlane } from '@caisson/data-plane';
import type { SandboxRequest } from '@caisson/protocol/ports';
import { patience } from './patience.ts';
import { runJob, sandboxRequest } from './sandbox.ts';
import type { RanJob } from './sandbox.ts';

/** A job that holds what it has taken until it is ended. */
export interface HeldJob extends AsyncDisposable {
  /** Settles when it has ended, be it by itself. */
  readonly ended: Promise<RanJob>;
  /** Interrupts it, and returns its whole standard output. */
  end(): Promise<string>;
}

/**
 * Starts Python code that prints `ready`, alone on a line, when it holds all, and then waits for its KeyboardInterrupt.
 * @param whenReady is called while it holds all
 * @returns when it is ready, or has ended
 */
export async function holdJob(
  dataPlane: SandboxPlane,
  code: string,
  request: Partial<SandboxRequest> = {},
  whenReady: () => void = () => undefined,
): Promise<HeldJob> {
  const controller = new AbortController();
  const ready = Promise.withResolvers<undefined>();
  const ended = runJob(
    dataPlane,
    code,
    { request: sandboxRequest(request), signal: controller.signal, timeoutMs: patience(120_000) },
    (event) => {
      if (event.type !== 'stdout' || !/^ready$/m.test(event.text)) return;
      whenReady();
      ready.resolve(undefined);
    },
  );
  await Promise.race([ready.promise, ended]);
  return {
    ended,
    end: async () => {
      controller.abort();
      return (await ended).stdout;
    },
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await ended;
    },
  };
}
