import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { CliFailure } from './failure.ts';

/** Far more than a server accepts; the server enforces its own limit. */
const MAX_BYTES = 16 * 2 ** 20;

/**
 * The text of a file, or of `stdin` for `-`.
 * @throws CliFailure if it cannot be read, is not UTF-8 or is larger than 16 MiB
 */
export async function readSource(path: string, stdin: Readable): Promise<string> {
  const name = path === '-' ? 'standard input' : `"${path}"`;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of path === '-' ? stdin : createReadStream(path)) {
      const buffer = Buffer.from(chunk as Buffer);
      bytes += buffer.length;
      if (bytes > MAX_BYTES) break;
      chunks.push(buffer);
    }
  } catch (error) {
    throw new CliFailure(`cannot read ${name}: ${whyUnreadable(error)}`, { cause: error });
  }
  if (bytes > MAX_BYTES) throw new CliFailure(`${name} is larger than ${MAX_BYTES} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw new CliFailure(`${name} is not UTF-8 text`, { cause: error });
  }
}

function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'no such file';
    case 'EISDIR':
      return 'is a directory';
    case 'EACCES':
      return 'permission denied';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
