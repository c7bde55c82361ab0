import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import type { Load } from '../load.ts';
import type { Sample } from '../sample.ts';

const PROGRAM = fileURLToPath(new URL('spawn_loop.py', import.meta.url));
const GRACE_MS = 60_000;

type Answer =
  | { readonly times_us: number[]; readonly wall_us: number; readonly failed: number }
  | { readonly error: string };

/** A small program that starts other programs; Node itself takes longer to fork than Python to run. */
export interface SpawnLoop extends AsyncDisposable {
  /**
   * Starts `argv`, whose first word is an absolute path, repeatedly. One call at a time.
   * @throws if it cannot be started
   */
  run(argv: readonly string[], load: Load): Promise<Sample>;
}

export function startSpawnLoop(signal: AbortSignal): SpawnLoop {
  const program = spawn('/usr/bin/python3', [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'], signal });
  const ended = new Promise<void>((resolve) => {
    program.once('close', () => {
      resolve();
    });
  });
  // The pending call reports the loss.
  program.on('error', () => undefined);
  program.stdin.on('error', () => undefined);
  const lines = createInterface({ input: program.stdout });
  const lost = new AbortController();
  lines.once('close', () => {
    lost.abort(new Error('the program that starts baselines has ended'));
  });
  return {
    async run(argv, { count, maxMs, concurrency: workers }) {
      const stop = AbortSignal.any([signal, lost.signal, AbortSignal.timeout(maxMs + GRACE_MS)]);
      stop.throwIfAborted();
      const line = once(lines, 'line', { signal: stop }).catch((error: unknown) => {
        stop.throwIfAborted();
        throw error;
      });
      program.stdin.write(`${JSON.stringify({ argv, count, max_ms: maxMs, workers })}\n`);
      return sampleOf(JSON.parse(String((await line)[0])) as Answer, argv);
    },
    async [Symbol.asyncDispose]() {
      program.kill();
      await ended;
    },
  };
}

function sampleOf(answer: Answer, argv: readonly string[]): Sample {
  if ('error' in answer) throw new Error(`${argv[0]} cannot be started: ${answer.error}`);
  return {
    latenciesMs: answer.times_us.map((time) => time / 1000),
    wallMs: answer.wall_us / 1000,
    failures: Array.from({ length: answer.failed }, () => `${argv[0]} did not end with 0`),
  };
}
