import { rmSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CliFailure } from './failure.ts';
import type { Planes } from './planes.ts';
import type { Target } from './target.ts';

/** A server in this process on a free port. Disposing it removes everything that it made. */
export async function startEmbeddedServer(planes: Planes): Promise<Target & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'caisson-'));
  const removeData = () => {
    rmSync(dataDir, { recursive: true, force: true });
  };
  // The directory holds a key: it also has to go if a second interrupt ends the process at once.
  process.once('exit', removeData);
  stack.defer(() => {
    process.off('exit', removeData);
    removeData();
  });
  const server = await planes.startServer({
    port: 0,
    host: '127.0.0.1',
    dataDir,
    runtime: 'auto',
    logLevel: 'fatal',
    warmPool: false,
  });
  stack.defer(async () => server.close());
  if (server.newKeyFile === undefined) throw new CliFailure('the embedded server created no key');
  const apiKey = await readFile(server.newKeyFile, 'utf8');
  const release = stack.move();
  return {
    url: new URL(server.url),
    apiKey,
    [Symbol.asyncDispose]: async () => release.disposeAsync(),
  };
}
