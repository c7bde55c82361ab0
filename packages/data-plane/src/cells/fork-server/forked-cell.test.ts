import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DirectSocket, readBuffer } from './direct-socket.ts';
import type { Cell, CellSpec } from './fork-server.ts';
import { ForkedCell } from './forked-cell.ts';
import type { Gone } from './frames.ts';

const SPEC: CellSpec = {
  resources: { cpuMillicores: 1000, memoryBytes: 2 ** 26, diskBytes: 2 ** 20, pids: 16 },
  env: {},
};

/** A pipe of this process, which plays the cell: `cellFd` is its end, and `path` is where the other can be opened. */
function makePipe(stack: DisposableStack, directory: string, name: string, cellFlags: number) {
  const path = join(directory, name);
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const open = (flags: number): number => openSync(path, flags | constants.O_NONBLOCK);
  // Both ends at once, so that neither opening waits for the other.
  const both = open(constants.O_RDWR);
  const cellFd = stack.adopt(open(cellFlags), closeSync);
  return { path, cellFd, both, inode: fstatSync(cellFd).ino };
}

/** Whether the server still has its end of a pipe that the cell writes. */
function isRead(cellFd: number): boolean {
  try {
    return writeSync(cellFd, '\n') === 1;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return false;
    throw error;
  }
}

/** Whether the cell, which reads there, has come to the end. */
function isAtEnd(cellFd: number): boolean {
  try {
    return readSync(cellFd, Buffer.alloc(1)) === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    throw error;
  }
}

test('a cell that is ended sees no end of its control channel before it is gone', async () => {
  using stack = new DisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'forked-cell-'));
  stack.defer(() => {
    rmSync(directory, { recursive: true });
  });
  const stdout = makePipe(stack, directory, 'stdout', constants.O_WRONLY);
  const stderr = makePipe(stack, directory, 'stderr', constants.O_WRONLY);
  const frames = makePipe(stack, directory, 'frames', constants.O_WRONLY);
  const steps = makePipe(stack, directory, 'steps', constants.O_RDONLY);
  const buffer = readBuffer();
  const writer = openSync(steps.path, constants.O_WRONLY | constants.O_NONBLOCK);
  const socket = new DirectSocket(
    buffer,
    (onread) => new Socket({ fd: writer, readable: false, writable: true, onread }),
  );
  const seen = () => ({
    output: isRead(stdout.cellFd) || isRead(stderr.cellFd),
    frames: isRead(frames.cellFd),
    end: isAtEnd(steps.cellFd),
  });
  const told: string[] = [];
  const looks: ReturnType<typeof seen>[] = [];
  const gone = Promise.withResolvers<Gone>();
  const endOf = ({ cellFd: fd, inode }: typeof stdout) => ({ fd, inode });
  const cell = new ForkedCell(SPEC, {} as Cell['meter'], {
    socket,
    hello: {
      cell: 1,
      pid: process.pid,
      stdout: endOf(stdout),
      stderr: endOf(stderr),
      frames: endOf(frames),
    },
    link: {
      runnerRoot: '',
      buffer,
      gone: gone.promise,
      tell: (type) => {
        told.push(type);
        looks.push(seen());
      },
    },
  });
  for (const { both } of [stdout, stderr, frames, steps]) closeSync(both);
  assert.deepEqual(seen(), { output: true, frames: true, end: false });

  const ended = cell.end();
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();
  looks.push(seen());
  gone.resolve({ cell: 1, status: 9 });
  await ended;

  assert.deepEqual(told, ['kill']);
  for (const look of looks) assert.deepEqual(look, { output: false, frames: true, end: false });
  assert.deepEqual(seen(), { output: false, frames: false, end: true });
  assert.deepEqual(await cell.exited, { exitCode: null, signal: 'SIGKILL' });
});
