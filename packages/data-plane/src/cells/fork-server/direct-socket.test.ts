import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { DirectSocket, readBuffer } from './direct-socket.ts';

const SECOND = 1000;

/** A connection: `peer` is its other end. */
async function open() {
  await using undo = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'caisson-socket-'));
  undo.defer(() => {
    rmSync(directory, { recursive: true });
  });
  const path = join(directory, 'socket');
  const server = undo.use(createServer().listen(path));
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = new DirectSocket(readBuffer(), (onread) => connect({ path, onread }));
  const [peer] = await accepted;
  undo.defer(() => {
    socket.close();
    peer.destroy();
  });
  const release = undo.move();
  return { socket, peer, [Symbol.asyncDispose]: async () => release.disposeAsync() };
}

/** All that comes, until `enough` of it has. */
async function read(socket: DirectSocket, enough: number): Promise<string> {
  let text = '';
  await new Promise<void>((resolve) => {
    socket.read((bytes) => {
      text += bytes.toString();
      if (text.length >= enough) resolve();
    }, resolve);
  });
  return text;
}

test('after the first line, what comes before anybody reads is not lost, nor what comes later', async () => {
  await using connection = await open();
  const { socket, peer } = connection;
  peer.write('hel');
  await turn();
  peer.write('lo\n');
  assert.equal(await socket.firstLine(100, SECOND), 'hello');
  peer.write('more');
  await turn();
  await turn();
  peer.write(' and more');
  assert.equal(await read(socket, 13), 'more and more');
});

test('a first line with more behind it, or that is too long, is refused', async () => {
  for (const said of ['one\ntwo', 'x'.repeat(101)]) {
    await using connection = await open();
    connection.peer.write(said);
    await assert.rejects(connection.socket.firstLine(100, SECOND), /more than one line/);
  }
});

test('a first line that does not come is not waited for longer than was said', async () => {
  await using connection = await open();
  await assert.rejects(connection.socket.firstLine(100, 10), /said nothing for 10 ms/);
});

test('the end is told, and told again to one who comes later', async () => {
  await using connection = await open();
  const { socket, peer } = connection;
  const line = socket.firstLine(100, SECOND);
  peer.destroy();
  await assert.rejects(line, /it ended/);
  assert.equal(await read(socket, 1), '');
});

test('while it is paused the writer has to wait', async () => {
  await using connection = await open();
  const { socket, peer } = connection;
  const total = 8 * 2 ** 20;
  let bytesRead = 0;
  const all = new Promise<void>((resolve) => {
    socket.read((bytes) => {
      bytesRead += bytes.length;
      socket.pause();
      setImmediate(() => {
        socket.resume();
      });
      if (bytesRead === total) resolve();
    }, resolve);
  });
  assert.equal(peer.write(Buffer.alloc(total)), false);
  await all;
  assert.equal(bytesRead, total);
});
