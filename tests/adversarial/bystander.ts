/**
 * A tenant that works beside others. It runs in its own thread, so that its times are those of the server and not of other
 * callers in this process. It stops at the first message, and answers with its measurements.
 */
import { getPriority, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

export interface BystanderData {
  readonly url: string;
  readonly key: string;
}

/** Times in milliseconds. */
export interface Seen {
  readonly health: readonly number[];
  readonly jobs: readonly number[];
  readonly failures: readonly string[];
}

const HEALTH_PAUSE_MS = 10;

const { url, key } = workerData as BystanderData;
// For this thread only: the server does not control how soon this thread runs while code keeps every processor busy.
setPriority(Math.min(getPriority(), -15));
const health: number[] = [];
const jobs: number[] = [];
const failures: string[] = [];
let stopping = false;

async function timed(call: () => Promise<Response>): Promise<{ ms: number; body: string }> {
  const startedMs = performance.now();
  const response = await call();
  const body = await response.text();
  if (!response.ok) failures.push(`${response.status}: ${body}`);
  return { ms: performance.now() - startedMs, body };
}

function runJob(): Promise<Response> {
  return fetch(`${url}/api/v1/jobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ language: 'python', code: 'print(1)' }),
  });
}

async function askHealth(): Promise<void> {
  health.push((await timed(() => fetch(`${url}/healthz`))).ms);
  await new Promise((resolve) => setTimeout(resolve, HEALTH_PAUSE_MS));
}

async function runShort(): Promise<void> {
  const { ms, body } = await timed(runJob);
  if (!body.includes('"status":"succeeded"')) failures.push(body);
  jobs.push(ms);
}

async function again(work: () => Promise<void>): Promise<void> {
  while (!stopping) await work();
}

parentPort?.once('message', () => {
  stopping = true;
});
await Promise.all([again(askHealth), again(runShort)]);
parentPort?.postMessage({ health, jobs, failures } satisfies Seen);
