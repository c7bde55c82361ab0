import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { Logger } from 'pino';
import type { Clock } from '../time/clock.ts';
import { controlPlaneConfig } from '../config.ts';
import type { ControlPlaneConfigInput } from '../config.ts';
import { createControlPlane } from '../control-plane.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Store } from '../store/store.ts';
import { FakeDataPlane } from './fake-data-plane.ts';

export interface Started extends AsyncDisposable {
  readonly plane: FakeDataPlane;
  readonly control: ControlPlane;
  readonly url: string;
  readonly key: string;
  readonly dataDir: string;
  /** Sends a request with the admin key, or with `key`; `json` is sent as the body. */
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
}

export interface CallOptions {
  readonly json?: unknown;
  readonly body?: string | FormData | Buffer<ArrayBuffer> | ReadableStream;
  readonly headers?: Record<string, string>;
  readonly key?: string;
  readonly signal?: AbortSignal;
}

export interface StartOptions {
  readonly config?: Partial<ControlPlaneConfigInput>;
  readonly dataDir?: string;
  readonly clock?: Clock;
  readonly plane?: FakeDataPlane;
  readonly logger?: Logger;
  readonly store?: Store;
  readonly ownsDataPlane?: boolean;
  /** The key for calls if the directory has one already, so that no admin key is created. */
  readonly keyFallback?: string;
}

/** Starts a whole control plane on a free port, with a database in a temporary directory and a fake data plane. */
export async function start(options: StartOptions = {}): Promise<Started> {
  await using undo = new AsyncDisposableStack();
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'caisson-control-plane-')));
  if (options.dataDir === undefined) undo.defer(() => rm(dataDir, { recursive: true, force: true }));
  const { clock } = options;
  const plane = options.plane ?? new FakeDataPlane(clock && { nowMs: () => clock.nowMs() });
  const control = await createControlPlane({
    config: controlPlaneConfig.parse({ dataDir, shutdownGraceMs: 50, ...options.config }),
    dataPlane: plane,
    logger: options.logger ?? pino({ level: 'silent' }),
    ...(options.clock && { clock: options.clock }),
    ...(options.store && { store: options.store }),
    ...(options.ownsDataPlane !== undefined && { ownsDataPlane: options.ownsDataPlane }),
  });
  undo.defer(() => control.close());
  const { url } = await control.listen(0, '127.0.0.1');
  const key = options.keyFallback ?? (await readFile(join(dataDir, 'admin.key'), 'utf8'));
  const resources = undo.move();
  return {
    plane,
    control,
    url,
    key,
    dataDir,
    call: (method, path, call = {}) =>
      fetch(url + path, {
        method,
        headers: {
          authorization: `Bearer ${call.key ?? key}`,
          ...(call.json !== undefined && { 'content-type': 'application/json' }),
          ...call.headers,
        },
        ...(call.json !== undefined && { body: JSON.stringify(call.json) }),
        ...(call.body !== undefined && { body: call.body }),
        ...(call.signal && { signal: call.signal }),
      }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Waits until `condition` holds, at most five seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition was not met');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
