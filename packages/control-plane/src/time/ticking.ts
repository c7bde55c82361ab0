import type { Logger } from 'pino';

/** Calls `tick` every `intervalMs` until disposed of; disposal waits for a tick under way. Ticks never overlap. */
export function startTicking(
  name: string,
  intervalMs: number,
  tick: () => Promise<void>,
  logger: Logger,
): AsyncDisposable {
  let underWay: Promise<void> | undefined;
  let failing = false;
  const run = async (): Promise<void> => {
    try {
      await tick();
      failing = false;
    } catch (error) {
      if (!failing) logger.error({ err: error }, `${name} failed`);
      failing = true;
    } finally {
      underWay = undefined;
    }
  };
  const timer = setInterval(() => {
    underWay ??= run();
  }, intervalMs).unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await underWay;
    },
  };
}
