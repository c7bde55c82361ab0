import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkspacePath } from '@caisson/protocol/api';
import type { Files } from '@caisson/protocol/ports';
import { createWorkspaceFiles } from './workspace-files.ts';

export const SANDBOX_USER = { uid: 231_000, gid: 231_000 };
export const AT_ONCE = AbortSignal.timeout(60_000);

export interface TestWorkspace extends Disposable {
  readonly files: Files;
  /** The workspace, a tmpfs of its own. */
  readonly root: string;
  /** A directory beside it, which nothing may touch. */
  readonly outside: string;
}

/** A workspace as the data plane makes them; needs root. */
export function makeWorkspace(options: { sizeBytes?: number } = {}): TestWorkspace {
  const directory = realpathSync(mkdtempSync('/tmp/caisson-files-'));
  const root = join(directory, 'workspace');
  const outside = join(directory, 'outside');
  mkdirSync(root);
  mkdirSync(outside);
  const { uid, gid } = SANDBOX_USER;
  const mountOptions = `size=${options.sizeBytes ?? 64 * 2 ** 20},mode=0755,uid=${uid},gid=${gid},nosuid,nodev`;
  run('mount', ['-t', 'tmpfs', '-o', mountOptions, 'caisson-test', root]);
  return {
    files: createWorkspaceFiles({ root, owner: SANDBOX_USER }),
    root,
    outside,
    [Symbol.dispose]: () => {
      spawnSync('umount', ['--lazy', root]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function run(command: string, args: readonly string[], options: { cwd?: string } = {}): void {
  const { status, stderr, error } = spawnSync(command, args, { ...options, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`, { cause: error });
}

/** A path as if the API had checked it. */
export function at(path: string): WorkspacePath {
  return path as WorkspacePath;
}

/** The number of open descriptors of this process. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Runs `code` as a program of its own until it is disposed; resolves when the program has printed its first bytes. */
export async function runBeside(code: string, args: readonly string[]): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, ['-e', code, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** In how many different turns of the event loop `act` looks at its signal: between two of them others have theirs. */
export async function turnsOf(act: (signal: AbortSignal) => Promise<unknown>): Promise<number> {
  let turn = 0;
  let running = true;
  const count = () => {
    turn++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  const seen = new Set<number>();
  const signal = Object.assign(new AbortController().signal, {
    throwIfAborted: () => {
      seen.add(turn);
    },
  });
  try {
    await act(signal);
  } finally {
    running = false;
  }
  return seen.size;
}
