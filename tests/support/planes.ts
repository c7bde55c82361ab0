import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { controlPlaneConfig, createControlPlane } from '@caisson/control-plane';
import type { NodeOptionsInput } from '@caisson/data-plane';
import { pino } from 'pino';
import { patience } from './patience.ts';
import { startDataPlane } from './sandbox.ts';

const DEADLINE_MS = patience(60_000);

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** Both planes over real sandboxes, with this much of the machine. */
export async function startPlanes(options: NodeOptionsInput = {}) {
  await using undo = new AsyncDisposableStack();
  const dataDir = mkdtempSync(join(tmpdir(), 'caisson-data-'));
  undo.defer(() => {
    rmSync(dataDir, { recursive: true });
  });
  const { node, dataPlane, stateDirectory } = undo.use(await startDataPlane('auto', options));
  const control = await createControlPlane({
    config: controlPlaneConfig.parse({ dataDir }),
    dataPlane: node,
    logger: pino({ level: 'silent' }),
  });
  undo.defer(() => control.close());
  const { url } = await control.listen(0, '127.0.0.1');
  const authorization = `Bearer ${readFileSync(join(dataDir, 'admin.key'), 'utf8')}`;
  const call = async (method: string, path: string, body?: object | string): Promise<Answer> => {
    const isText = typeof body === 'string';
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization,
        ...(body !== undefined && {
          'content-type': isText ? 'application/octet-stream' : 'application/json',
        }),
      },
      signal: AbortSignal.timeout(DEADLINE_MS),
      ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') === true;
    const parsed = (isJson ? JSON.parse(text) : { text }) as Record<string, unknown>;
    return { status: answer.status, headers: answer.headers, body: parsed };
  };
  const resources = undo.move();
  return { call, dataPlane, stateDirectory, [Symbol.asyncDispose]: async () => resources.disposeAsync() };
}
