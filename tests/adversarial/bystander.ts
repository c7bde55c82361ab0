/**
 * A tenant that works beside others, in a thread of its own, so that its times are those of the server and not of whoever else
 * calls it from this process. It stops at the first message, and answers with what it saw.
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
  /** How long after its deadline each endless job ended. */
  readonly lateness: readonly number[];
  readonly failures: readonly string[];
}

const HEALTH_PAUSE_MS = 10;
const DEADLINE_MS = 1000;

const { url, key } = workerData as BystanderData;
// Of this thread alone: how soon it is let run where code keeps every processor busy is not the server's doing.
setPriority(Math.min(getPriority(), -15));
const health: number[] = [];
const jobs: number[] = [];
const lateness: number[] = [];
const failures: string[] = [];
let stopping = false;

async function timed(call: () => Promise<Response>): Promise<{ ms: number; body: string }> {
  const startedMs = performance.now();
  const response = await call();
  const body = await response.text();
  if (!response.ok) failures.push(`${response.status}: ${body}`);
  return { ms: performance.now() - startedMs, body };
}

function runJob(code: string, timeout: number): Promise<Response> {
  return fetch(`${url}/api/v1/jobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ language: 'python', code, timeout }),
  });
}

async function askHealth(): Promise<void> {
  health.push((await timed(() => fetch(`${url}/healthz`))).ms);
  await new Promise((resolve) => setTimeout(resolve, HEALTH_PAUSE_MS));
}

async function runShort(): Promise<void> {
  const { ms, body } = await timed(() => runJob('print(1)', 10));
  if (!body.includes('"status":"succeeded"')) failures.push(body);
  jobs.push(ms);
}

async function runEndless(): Promise<void> {
  const { body } = await timed(() => runJob('while True: pass', DEADLINE_MS / 1000));
  const { status, metrics } = JSON.parse(body) as { status: string; metrics: { duration_ms: number } };
  if (status !== 'timed_out') failures.push(body);
  lateness.push(metrics.duration_ms - DEADLINE_MS);
}

async function again(work: () => Promise<void>): Promise<void> {
  while (!stopping) await work();
}

parentPort?.once('message', () => {
  stopping = true;
});
await Promise.all([again(askHealth), again(runShort), again(runEndless)]);
parentPort?.postMessage({ health, jobs, lateness, failures } satisfies Seen);
