import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const DIRECTORY = fileURLToPath(new URL('../../bench-results/', import.meta.url));

/** Writes the report as JSON to a file named after its kind and time, and returns its path. */
export async function saveReport(kind: string, at: string, report: object): Promise<string> {
  await mkdir(DIRECTORY, { recursive: true });
  const path = join(DIRECTORY, `${kind}-${at.replaceAll(/[:.]/g, '-')}.json`);
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}
