const SQLITE_BUSY = 5;
/** Primary result codes of SQLite: the file cannot be written, or is damaged. https://sqlite.org/rescode.html */
const STORAGE_CODES: ReadonlySet<number> = new Set([
  SQLITE_BUSY, // Another process has held the lock beyond every deadline.
  8, // SQLITE_READONLY
  10, // SQLITE_IOERR
  11, // SQLITE_CORRUPT
  13, // SQLITE_FULL
  14, // SQLITE_CANTOPEN
  26, // SQLITE_NOTADB
]);

/** Whether the storage failed: a full or broken disk, not a constraint that a row violates. */
export function isStorageFailure(error: unknown): boolean {
  const code = primaryCode(error);
  return code !== undefined && STORAGE_CODES.has(code);
}

/** Whether another connection held the lock: nothing of the transaction was applied, and it can be retried. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE_BUSY;
}

/** The higher bits of extended codes only add detail. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined;
  return error.errcode & 0xff;
}
