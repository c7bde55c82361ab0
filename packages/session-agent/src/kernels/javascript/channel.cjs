'use strict';
const net = require('node:net');

/** Lines of JSON to and from the engine. */
class Channel {
  #socket;

  constructor(descriptor) {
    this.#socket = new net.Socket({ fd: descriptor, readable: true, writable: true });
    // If the code closed it: by a signal, so that the end is told apart from an exit that the code asked for.
    this.#socket.on('error', () => process.kill(process.pid, 'SIGKILL')).on('end', () => process.exit(0));
  }

  onFrame(take) {
    let pending = [];
    this.#socket.on('data', (chunk) => {
      pending.push(chunk);
      // The engine sends one frame and waits for its end.
      if (chunk[chunk.length - 1] !== 10) return;
      const line = Buffer.concat(pending).toString();
      pending = [];
      take(JSON.parse(line));
    });
  }

  /** Sends one frame behind the JSON that it is for, if any. */
  send(frame, value) {
    const text = value === undefined ? '' : `=${value}\n`;
    this.#socket.write(`${text}${JSON.stringify(frame)}\n`);
  }

  /** Whether it keeps the process alive. */
  hold(yes) {
    if (yes) this.#socket.ref();
    else this.#socket.unref();
  }
}

module.exports = { Channel };
