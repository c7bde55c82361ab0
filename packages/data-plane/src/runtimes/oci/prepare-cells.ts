import type { RuntimeName } from '@caisson/protocol';
import type { Logger } from 'pino';
import { compileSeccomp } from './seccomp/compile-seccomp.ts';
import { probeCells } from '../../cells/probe.ts';
import { Runners } from '../../cells/runners/runners.ts';
import type { HostNode } from '../../node/host-node.ts';
import { OciForkServers, SERVER_LIMITS } from './oci-fork-servers.ts';
import type { OciHost } from './host/oci-host.ts';
import { cellSeccomp } from './seccomp/seccomp.ts';

/**
 * The runners of this host, or in words a person can act on why there can be none; never throws. The caller disposes
 * the runners before the host.
 */
export async function prepareCells(
  runtime: RuntimeName,
  host: OciHost,
  node: Pick<HostNode, 'tryReserveRunner'>,
  logger: Logger,
  signal: AbortSignal,
): Promise<{ readonly runners: Runners } | { readonly problem: string }> {
  try {
    const forkServers = new OciForkServers(
      runtime,
      host,
      await compileSeccomp(cellSeccomp(host.seccomp), signal),
    );
    await probeCells(forkServers, signal);
    const reserve = () => node.tryReserveRunner(SERVER_LIMITS);
    return { runners: new Runners({ forkServers, reserve, logger, nowMs: () => performance.now() }) };
  } catch (error) {
    logger.warn({ err: error }, 'cells do not work here; each job gets a sandbox of its own');
    const message = String(error).replaceAll(/\s+/g, ' ').slice(0, 500);
    return { problem: `cells do not work here, so each job gets a sandbox of its own: ${message}` };
  }
}
