import { INTERNAL_ERROR } from './exit-code.ts';

/**
 * From now on an uncaught error ends the process with one line in the log, since the state that it leaves is unknown.
 * @param log must write synchronously: the process exits right after it
 */
export function endOnUncaught(log: (error: unknown) => void, exit: (code: number) => never): void {
  const end = (error: unknown): never => {
    try {
      log(error);
    } finally {
      exit(INTERNAL_ERROR);
    }
  };
  process.on('uncaughtException', end).on('unhandledRejection', end);
}
