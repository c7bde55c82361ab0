import { CaissonError, type WorkspacePath, WORKSPACE_DIRECTORY } from '@caisson/protocol/api';

/** The code of a system error, such as `ENOENT`; `undefined` for anything else. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Whether `error` is a system error of one of `codes`. */
export function isSystemError(error: unknown, ...codes: string[]): boolean {
  const code = systemCode(error);
  return code !== undefined && codes.includes(code);
}

/** Runs `operation` on `path` and throws its system errors as those of the catalogue. */
export async function withFileErrors<Result>(
  path: WorkspacePath,
  operation: () => Promise<Result>,
): Promise<Result> {
  try {
    return await operation();
  } catch (error) {
    throw toFileError(error, path);
  }
}

/** The error that the caller gets for `error`. Errors that no tenant can cause are passed on as they are. */
export function toFileError(error: unknown, workspacePath: WorkspacePath): unknown {
  const path = workspacePath === '' ? WORKSPACE_DIRECTORY : workspacePath;
  const context = [{ path }, { cause: error }] as const;
  switch (systemCode(error)) {
    // An endless chain of links leads to no file either.
    case 'ELOOP':
    case 'ENAMETOOLONG':
    case 'ENOENT':
      return new CaissonError('file_not_found', ...context);
    case 'ENOTDIR':
      return new CaissonError('not_a_directory', ...context);
    case 'EISDIR':
      return new CaissonError('is_a_directory', ...context);
    case 'ENXIO':
    case 'ENODEV':
      return new CaissonError('not_a_regular_file', ...context);
    // EAGAIN: a process in the sandbox holds a lease on the file, and would be waited for.
    case 'EAGAIN':
    case 'EBUSY':
    case 'ETXTBSY':
      return new CaissonError('file_busy', ...context);
    case 'ENOSPC':
    case 'EDQUOT':
      return new CaissonError('workspace_full', ...context);
    case undefined:
    default:
      return error;
  }
}

/** An error such as the kernel raises, for problems that are found before it is asked. */
export function systemError(
  code: 'ELOOP' | 'ENOTDIR' | 'EISDIR' | 'ENXIO' | 'EBUSY',
  message: string,
): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
