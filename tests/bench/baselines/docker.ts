import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { runCommand } from '../run-command.ts';
import { bare } from './commands.ts';

const PROBE_MS = 3000;
const CHANGE_MS = 60_000;
const LIMITS = ['--network', 'none', '--volume', '/usr:/usr:ro'];

/** An image and a container that exist until disposed, with the host's Python as in the other baselines. */
export interface Docker extends AsyncDisposable {
  run(code: string): string[];
  exec(code: string): string[];
}

/** `undefined` if no engine answers or it cannot be used. */
export async function startDocker(signal: AbortSignal): Promise<Docker | undefined> {
  try {
    await runCommand('docker', ['info', '--format', '{{.ID}}'], { timeoutMs: PROBE_MS, signal });
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  const docker = (...args: string[]): Promise<string> =>
    runCommand('docker', args, { timeoutMs: CHANGE_MS, signal });
  const name = `caisson-bench-${randomBytes(4).toString('hex')}`;
  await using undo = new AsyncDisposableStack();
  const archive = await makeRoot(signal);
  undo.defer(archive.remove);
  await docker('import', archive.path, name);
  undo.defer(async () => remove('image', name));
  await docker('run', '--detach', '--name', name, ...LIMITS, name, '/usr/bin/sleep', '3600');
  undo.defer(async () => remove('container', name));
  const release = undo.move();
  const program = await runCommand('which', ['docker'], { timeoutMs: PROBE_MS, signal });
  return {
    run: (code) => [program, 'run', '--rm', ...LIMITS, name, ...bare(code)],
    exec: (code) => [program, 'exec', name, ...bare(code)],
    [Symbol.asyncDispose]: async () => release.disposeAsync(),
  };
}

/** Removal has its own deadline, because it must also happen after an interrupt of the benchmark. */
async function remove(kind: 'image' | 'container', name: string): Promise<void> {
  const signal = AbortSignal.timeout(CHANGE_MS);
  await runCommand('docker', [kind, 'rm', '--force', name], { timeoutMs: CHANGE_MS, signal });
}

/** A root with only links into /usr, so that no image has to be downloaded. */
async function makeRoot(signal: AbortSignal): Promise<{ path: string; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'caisson-bench-root-'));
  const links = ['bin', 'sbin', 'lib', 'lib64'];
  await Promise.all(links.map((name) => symlink(`usr/${name}`, join(directory, name))));
  const path = join(directory, 'root.tar');
  await runCommand('tar', ['-C', directory, '-cf', path, ...links], { timeoutMs: PROBE_MS, signal });
  return { path, remove: () => rm(directory, { recursive: true }) };
}
