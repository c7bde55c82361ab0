import type { RuntimeHealth } from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import type { RootDigest } from '../../templates/root-digest.ts';
import { unavailable } from '../runtime-family.ts';
import type { OpenFamily, RuntimeChoice, RuntimeFamily } from '../runtime-family.ts';
import type { RuntimeHost } from '../runtime-host.ts';
import { OciForkServers } from './fork-servers/oci-fork-servers.ts';
import { probeCells } from './fork-servers/probe-cells.ts';
import { hostProblems } from './host/host-problems.ts';
import { missingForOci, prepareOciHost } from './host/oci-host.ts';
import type { OciHost } from './host/oci-host.ts';
import { OCI_RUNTIMES } from './oci-runtime-name.ts';
import type { OciRuntimeName } from './oci-runtime-name.ts';
import { describe, OciRuntime } from './oci-runtime.ts';
import { compileSeccomp } from './seccomp/compile-seccomp.ts';
import { cellSeccomp } from './seccomp/seccomp.ts';

/** Containers of crun or runc, which the host reaches into. */
export const OCI_FAMILY: RuntimeFamily = {
  isolation: 'container',
  names: OCI_RUNTIMES,
  open: openOci,
};

async function openOci(host: RuntimeHost, choice: RuntimeChoice, signal: AbortSignal): Promise<OpenFamily> {
  const missing = missingForOci();
  if (missing.length > 0) return notWorking(missing);
  await using cleanup = new AsyncDisposableStack();
  let oci: OciHost;
  try {
    oci = cleanup.use(await prepareOciHost(host));
  } catch (error) {
    host.logger.error({ err: error }, 'this host cannot be prepared for OCI containers');
    return notWorking([describe(error)]);
  }
  const [root] = host.roots.all.keys();
  if (root === undefined) return notWorking(['there is no template']);
  const names = OCI_RUNTIMES.filter((name) => choice === 'auto' || name === choice);
  const { health, chosen } = await probeAll(names, oci, root, signal);
  if (chosen === undefined) {
    await cleanup.disposeAsync();
    return { health, working: undefined, [Symbol.asyncDispose]: async () => Promise.resolve() };
  }
  const weaknesses = hostProblems(chosen.name);
  for (const problem of weaknesses)
    host.logger.warn({ problem }, 'the walls of sandboxes are weaker on this host');
  const cells = await openForkServers(chosen.name, oci, root, host.logger, signal);
  const problems = [...weaknesses, oci.diskProblem, cells.problem].filter((each) => each !== undefined);
  const release = cleanup.move();
  return {
    health: health.map((each) =>
      each.chosen ? { ...each, problems: [...each.problems, ...problems] } : each,
    ),
    working: {
      runtime: chosen,
      forkServers: cells.forkServers,
      shared: oci.shared,
      diskDirectory: oci.diskDirectory,
    },
    [Symbol.asyncDispose]: async () => release.disposeAsync(),
  };
}

function notWorking(problems: readonly string[]): OpenFamily {
  return {
    health: unavailable(OCI_FAMILY, problems),
    working: undefined,
    [Symbol.asyncDispose]: async () => Promise.resolve(),
  };
}

/** Runs something in a container of each, and chooses the first that works. */
async function probeAll(
  names: readonly OciRuntimeName[],
  host: OciHost,
  root: RootDigest,
  signal: AbortSignal,
): Promise<{ readonly health: readonly RuntimeHealth[]; readonly chosen: OciRuntime | undefined }> {
  const health: RuntimeHealth[] = [];
  let chosen: OciRuntime | undefined;
  for (const runtime of names.map((name) => new OciRuntime(name, host))) {
    const { version, available, problems } = await runtime.probe(root, signal);
    if (available) chosen ??= runtime;
    const { name, isolation } = runtime;
    health.push({ name, isolation, version, available, chosen: chosen === runtime, problems });
  }
  return { health, chosen };
}

/** The fork servers, once a job has run in a cell of one, or in words a person can act on why there are none. */
async function openForkServers(
  runtime: OciRuntimeName,
  host: OciHost,
  root: RootDigest,
  logger: Logger,
  signal: AbortSignal,
): Promise<{ readonly forkServers: OciForkServers | undefined; readonly problem?: string }> {
  try {
    const program = await compileSeccomp(cellSeccomp(host.seccomp), signal);
    const forkServers = new OciForkServers(runtime, host, program);
    await probeCells(forkServers, root, signal);
    return { forkServers };
  } catch (error) {
    logger.warn({ err: error }, 'cells do not work here; each job gets a sandbox of its own');
    const problem = `cells do not work here, so each job gets a sandbox of its own: ${describe(error)}`;
    return { forkServers: undefined, problem };
  }
}
