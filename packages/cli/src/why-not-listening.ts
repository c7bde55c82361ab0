import { CliFailure } from './failure.ts';

/** The failure to report if a server cannot listen. */
export function whyNotListening(error: unknown, { host, port }: { host: string; port: number }): CliFailure {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return new CliFailure(`port ${port} on ${host} is in use; choose another with --port`, {
        cause: error,
      });
    case 'EACCES':
      return new CliFailure(`no permission to use port ${port}; choose one above 1023 with --port`, {
        cause: error,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new CliFailure(`${host} is not an address of this host; choose another with --host`, {
        cause: error,
      });
    default:
      return new CliFailure(
        `cannot listen on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
  }
}
