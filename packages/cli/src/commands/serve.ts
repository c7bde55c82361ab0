import { once } from 'node:events';
import { resolve } from 'node:path';
import type { RuntimeName } from '@caisson/protocol';
import type { Context } from '../context.ts';
import { watchForInterrupts } from '../interrupts.ts';
import { writeText } from '../output.ts';

export interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly dataDir?: string;
  readonly runtime: RuntimeName | 'auto';
}

/** Serves the API until it is interrupted, then stops gracefully. Returns the exit code. */
export async function serve(context: Context, options: ServeOptions): Promise<number> {
  const { planes, settings, stdout } = context;
  using interrupts = watchForInterrupts(context);
  const { port, host, runtime } = options;
  const dataDir = resolve(options.dataDir ?? settings.defaultDataDir);
  const server = await planes.startServer({ port, host, dataDir, runtime, logLevel: 'info', warmPool: true });
  try {
    await writeText(stdout, `caisson listens on ${server.url}\n`);
    if (server.newKeyFile !== undefined) {
      // Only where it is: standard output often ends up in a log.
      await writeText(stdout, `the admin key is in ${server.newKeyFile}\n`);
    }
    if (!interrupts.signal.aborted) await once(interrupts.signal, 'abort');
  } finally {
    await server.close();
  }
  return 0;
}
