/** Primary result codes of SQLite: the file cannot be written, or is not what it was. https://sqlite.org/rescode.html */
const STORAGE_CODES: ReadonlySet<number> = new Set([
  8, // SQLITE_READONLY
  10, // SQLITE_IOERR
  11, // SQLITE_CORRUPT
  13, // SQLITE_FULL
  14, // SQLITE_CANTOPEN
  26, // SQLITE_NOTADB
]);

/** Whether the storage failed, whatever was written: a full or broken disk, not a constraint that a row violates. */
export function isStorageFailure(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return false;
  // The higher bits tell more of the same.
  return STORAGE_CODES.has(error.errcode & 0xff);
}
