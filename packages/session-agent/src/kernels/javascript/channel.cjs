'use strict';
const net = require('node:net');
const { writeAll } = require('./write-all.cjs');

/** Lines of JSON to and from the engine. */
class Channel {
  /** Reads a pipe, which Node treats as a socket. */
  #reader;
  #writer;

  constructor(reader, writer) {
    this.#reader = new net.Socket({ fd: reader, readable: true, writable: false });
    this.#writer = writer;
    this.#reader.on('error', crash).on('end', () => process.exit(0));
  }

  onFrame(take) {
    let pending = [];
    this.#reader.on('data', (chunk) => {
      pending.push(chunk);
      // The engine sends one frame and waits for its end.
      if (chunk[chunk.length - 1] !== 10) return;
      const line = Buffer.concat(pending).toString();
      pending = [];
      take(JSON.parse(line));
    });
  }

  /**
   * Sends one frame, after the JSON of its return value. Everything is in the pipe when this returns, so that nothing is lost
   * if the code ends the process next.
   */
  send(frame, returnValue) {
    const value = returnValue === undefined ? '' : `=${returnValue}\n`;
    this.#write(`${value}${JSON.stringify(frame)}\n`);
  }

  sendResult(bundle) {
    this.#write(`+${JSON.stringify(bundle)}\n`);
  }

  #write(text) {
    const bytes = Buffer.from(text);
    try {
      writeAll(this.#writer, bytes);
    } catch {
      crash();
    }
  }

  /** Whether it keeps the process alive. */
  hold(yes) {
    if (yes) this.#reader.ref();
    else this.#reader.unref();
  }
}

/** Ends a kernel whose channel the code closed. By a signal, unlike an exit that the code asked for. */
function crash() {
  process.kill(process.pid, 'SIGKILL');
}

module.exports = { Channel };
