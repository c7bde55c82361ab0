import type { SandboxPlane } from '@caisson/data-plane';
import type { SandboxRequest } from '@caisson/protocol/ports';
import { patience } from './patience.ts';
import { runJob, sandboxRequest } from './sandbox.ts';
import type { RanJob } from './sandbox.ts';

/** A job that holds resources until it is ended. */
export interface HeldJob extends AsyncDisposable {
  /** Settles when it has ended, even by itself. */
  readonly ended: Promise<RanJob>;
  /** Interrupts it, and returns its whole standard output. */
  end(): Promise<string>;
}

/**
 * Starts Python code that prints `ready` on its own line once it holds everything, then waits for its KeyboardInterrupt. Resolves
 * when it is ready or has ended.
 * @param whenReady called while it holds everything
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
