import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from './context.ts';
import { CliFailure } from './failure.ts';

const DEFAULT_URL = 'http://127.0.0.1:8000';
const KEY_FILE = 'admin.key';

/** A server, and the key to call it with. */
export interface Target {
  readonly url: URL;
  readonly apiKey: string | undefined;
}

/**
 * The server at CAISSON_URL, and the key from `keyFile`, else from CAISSON_API_KEY. Without both, a server on this host gets
 * the key that a server with the default data directory has written; no other host ever gets that one.
 * @throws CliFailure if the URL is invalid or the key file cannot be read
 */
export async function findTarget(settings: Settings, keyFile: string | undefined): Promise<Target> {
  const url = parseUrl(settings.url ?? DEFAULT_URL);
  if (keyFile !== undefined) return { url, apiKey: await readKey(keyFile) };
  if (settings.apiKey !== undefined) return { url, apiKey: settings.apiKey.trim() };
  if (!isLoopback(url)) return { url, apiKey: undefined };
  const apiKey = await readKey(join(settings.defaultDataDir, KEY_FILE)).catch(() => undefined);
  return { url, apiKey };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new CliFailure(`CAISSON_URL: "${text}" is not an http or https URL`);
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

async function readKey(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CliFailure(`cannot read the key file: ${message}`, { cause: error });
  }
}
