import type { RuntimeName } from '@caisson/protocol/api';
import type { RuntimeHealth } from '@caisson/protocol/ports';

export interface ServerOptions {
  /** 0 for any free port. */
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly runtime: RuntimeName | 'auto';
  readonly logLevel: 'info' | 'fatal';
  /** Whether to keep sandboxes ready; pointless for a server that serves a single request. */
  readonly warmPool: boolean;
}

export interface RunningServer {
  readonly url: string;
  /** File that the admin key was written to, on the first start with this data directory only. */
  readonly newKeyFile: string | undefined;
  /** Resolves with the reason once the server has failed for good: its sandboxes are dead, and it has to be closed. */
  readonly failed: Promise<Error>;
  /** Shuts down gracefully and leaves nothing behind; can be called twice. */
  close(): Promise<void>;
}

/** The other planes, as the composition root offers them. They are loaded on demand. */
export interface Planes {
  /** @throws CliFailure if this host cannot create sandboxes, or the port is in use */
  startServer(options: ServerOptions): Promise<RunningServer>;
  probeRuntimes(signal: AbortSignal): Promise<RuntimeHealth[]>;
}
