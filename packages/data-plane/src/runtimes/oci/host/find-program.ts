import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { HOST_COMMAND_ENVIRONMENT } from './command.ts';

/** Absolute path of a program of the host, looked up as `runCommand` would; `undefined` where it is not installed. */
export function findProgram(name: string): string | undefined {
  return HOST_COMMAND_ENVIRONMENT.PATH.split(':')
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
