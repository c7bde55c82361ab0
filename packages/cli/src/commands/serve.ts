import { once } from 'node:events';
import { resolve } from 'node:path';
import type { RuntimeName } from '@caisson/protocol/api';
import type { Context } from '../context.ts';
import { HOST_FAILURE } from '../exit-code.ts';
import { CliFailure } from '../failure.ts';
import { watchForInterrupts } from '../interrupts.ts';
import { writeText } from '../output.ts';

export interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly dataDir?: string;
  readonly runtime: RuntimeName | 'auto';
}

/** How long the graceful shutdown of a failed server may take. */
const CLOSE_TIMEOUT_MS = 60_000;

/**
 * Serves the API until it is interrupted, then shuts down gracefully. Returns the exit code.
 * @throws CliFailure if the server fails; it is shut down gracefully then, too
 */
export async function serve(context: Context, options: ServeOptions): Promise<number> {
  const { planes, settings, stdout } = context;
  using interrupts = watchForInterrupts(context);
  const { port, host, runtime } = options;
  const dataDir = resolve(options.dataDir ?? settings.defaultDataDir);
  const server = await planes.startServer({ port, host, dataDir, runtime, logLevel: 'info', warmPool: true });
  try {
    await writeText(stdout, `Listening on ${server.url}\n`);
    if (server.newKeyFile !== undefined) {
      // The path and not the key: standard output often ends up in a log.
      await writeText(stdout, `Admin key written to ${server.newKeyFile}\n`);
    }
    const failure = await Promise.race([interrupted(interrupts.signal), server.failed]);
    if (failure === undefined) return 0;
    setTimeout(() => context.exit(HOST_FAILURE), CLOSE_TIMEOUT_MS).unref();
    throw new CliFailure(`server failed: ${failure.message}`, {
      suggestions: ['Restart it: on start it removes what is left of its sandboxes.'],
      exitCode: HOST_FAILURE,
      cause: failure,
    });
  } finally {
    await server.close();
  }
}

async function interrupted(signal: AbortSignal): Promise<undefined> {
  if (!signal.aborted) await once(signal, 'abort');
}
