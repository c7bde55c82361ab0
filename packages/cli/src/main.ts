import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { Context, InterruptSignal } from './context.ts';
import { endOnUncaught } from './end-on-uncaught.ts';
import { CliFailure } from './failure.ts';
import { isBrokenPipe } from './output.ts';
import type { Planes, RunningServer, ServerOptions } from './planes.ts';
import { buildProgram } from './program.ts';
import { renderFailure } from './render/failure.ts';
import { readSettings } from './settings.ts';
import { whyNotListening } from './why-not-listening.ts';

const INTERRUPTS: readonly InterruptSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const { CAISSON_URL, CAISSON_API_KEY, CAISSON_STATE_DIR, XDG_DATA_HOME } = process.env;
/** Where the state of running instances is kept, instead of /run/caisson. */
const stateDirectory = CAISSON_STATE_DIR === undefined ? {} : { stateDirectory: resolve(CAISSON_STATE_DIR) };

async function makeLogger(level: ServerOptions['logLevel'], sync = false) {
  const { pino } = await import('pino');
  return pino({ level }, pino.destination({ dest: 2, sync }));
}

async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { port, host, dataDir, runtime } = options;
  const [forCallers, forSandboxes, logger] = await Promise.all([
    import('@caisson/control-plane'),
    import('@caisson/data-plane'),
    makeLogger(options.logLevel),
  ]);
  const { CONTROL_PLANE_SETTINGS, controlPlaneConfig, createControlPlane } = forCallers;
  const { createDataPlane, NODE_SETTINGS, nodeOptions, RuntimeUnavailableError } = forSandboxes;
  const config = readSettings(controlPlaneConfig, CONTROL_PLANE_SETTINGS, process.env, { dataDir });
  const node = readSettings(nodeOptions, NODE_SETTINGS, process.env);
  const lastWords = await makeLogger('fatal', true);
  endOnUncaught(
    (error) => {
      lastWords.fatal({ err: error }, 'uncaught error: the server ends');
    },
    (code) => process.exit(code),
  );
  await using stack = new AsyncDisposableStack();
  const dataPlane = stack.use(
    await createDataPlane({ ...node, ...stateDirectory, runtime, logger }).catch((error: unknown) => {
      if (!(error instanceof RuntimeUnavailableError)) throw error;
      const { problems } = error;
      throw new CliFailure('this host cannot create sandboxes', { suggestions: problems, cause: error });
    }),
  );
  const controlPlane = await createControlPlane({ config, dataPlane, logger });
  stack.defer(async () => controlPlane.close());
  const { url } = await controlPlane.listen(port, host).catch((error: unknown) => {
    throw whyNotListening(error, { host, port });
  });
  // Only now, so that the server is there the sooner.
  if (options.warmPool) dataPlane.plane.warmUp();
  const release = stack.move();
  const { newKeyFile } = controlPlane;
  return { url, newKeyFile, failed: dataPlane.plane.failed, close: async () => release.disposeAsync() };
}

const planes: Planes = {
  startServer,
  probeRuntimes: async (signal) => {
    const [{ NODE_SETTINGS, nodeOptions, probeRuntimes }, logger] = await Promise.all([
      import('@caisson/data-plane'),
      makeLogger('fatal'),
    ]);
    const node = readSettings(nodeOptions, NODE_SETTINGS, process.env);
    return probeRuntimes({ ...node, ...stateDirectory, logger, signal });
  },
};

const context: Context = {
  planes,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  settings: {
    url: CAISSON_URL === '' ? undefined : CAISSON_URL,
    apiKey: CAISSON_API_KEY === '' ? undefined : CAISSON_API_KEY,
    defaultDataDir: join(XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'caisson'),
  },
  watchInterrupts: (onInterrupt) => {
    for (const signal of INTERRUPTS) process.on(signal, onInterrupt);
    return {
      [Symbol.dispose]: () => {
        for (const signal of INTERRUPTS) process.off(signal, onInterrupt);
      },
    };
  },
  exit: (code) => process.exit(code),
};

// Each write reports its own failure; without a listener it would also end the process with a stack.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

try {
  const program = buildProgram(context, packageJson.version, (exitCode) => {
    process.exitCode = exitCode;
  });
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError || error instanceof CliFailure ? error.exitCode : 1;
  if (!(error instanceof CommanderError) && !isBrokenPipe(error)) process.stderr.write(renderFailure(error));
}
// Idle keep-alive connections would hold the process for some seconds.
process.exit();
