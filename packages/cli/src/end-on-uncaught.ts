import { INTERNAL_ERROR } from './exit-code.ts';

/**
 * From now on an error that nobody has caught ends the process, with one line in the log: what state it has left is not known.
 * @param log writes at once, for nothing is written later
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
