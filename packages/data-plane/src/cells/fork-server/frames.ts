/** What a cell sends when its walls stand, before anything of a tenant's is in it. */
export interface CellHello {
  readonly cell: number;
  /** Its number in the `/proc` of the runner. */
  readonly pid: number;
  readonly stdout: PipeEnd;
  readonly stderr: PipeEnd;
  /** What its kernel sends. */
  readonly frames: PipeEnd;
}

/** The end of a pipe that the process has open. */
export interface PipeEnd {
  readonly fd: number;
  readonly inode: number;
}

/** What the fork server sends when nothing of a cell is left; `status` as wait(2) has it. */
export interface Gone {
  readonly cell: number;
  readonly status: number;
}

/** @throws Error if the line is anything else */
export function parseHello(line: string): CellHello {
  const frame = parse(line, 'cell');
  const { cell, pid, stdout, stderr, frames } = frame;
  if (!isCount(cell) || !isCount(pid)) throw unexpected();
  if (!isPipeEnd(stdout) || !isPipeEnd(stderr) || !isPipeEnd(frames)) throw unexpected();
  return { cell, pid, stdout, stderr, frames };
}

/** @throws Error if the line is anything else */
export function parseGone(line: string): Gone {
  const { cell, status } = parse(line, 'gone');
  if (!isCount(cell) || !isCount(status)) throw unexpected();
  return { cell, status };
}

function parse(line: string, type: string): Record<string, unknown> {
  const frame = JSON.parse(line) as unknown;
  if (!isRecord(frame) || frame['type'] !== type) throw unexpected();
  return frame;
}

function isPipeEnd(value: unknown): value is PipeEnd {
  return isRecord(value) && isCount(value['fd']) && isCount(value['inode']);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function unexpected(): Error {
  return new Error('the fork server sent an unexpected message');
}
