'use strict';
const fs = require('node:fs');
const { Writable } = require('node:stream');
const { writeAll } = require('./write-all.cjs');

/** Node's own streams lose their buffers when the process ends; these write at once. */
class SyncOutput extends Writable {
  constructor(fd) {
    super({ decodeStrings: false });
    this.fd = fd;
    this._type = 'pipe';
  }

  _write(chunk, encoding, done) {
    try {
      writeAll(this.fd, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    } catch {
      // The code closed it, or nobody reads any more: the output is lost, as in any program.
    }
    done();
  }

  /** Like the streams they replace, these cannot be closed. */
  end() {
    return this;
  }

  destroy() {
    return this;
  }
}

/** Standard input of a step. Node cannot duplicate a descriptor, but the next file to be opened gets the lowest free one. */
class Input {
  #used = false;
  #stream;

  constructor() {
    Object.defineProperty(process, 'stdin', {
      configurable: true,
      enumerable: true,
      get: () => this.#current(),
    });
  }

  give(text) {
    this.#stream = undefined;
    if (text === '' && !this.#used) return;
    this.#used = text !== '';
    if (this.#used) withFile(text, reopen);
    else reopen('/dev/null');
  }

  #current() {
    this.#stream ??= new fs.ReadStream(null, { fd: 0, autoClose: false });
    this.#stream.fd = 0;
    return this.#stream;
  }
}

function reopen(path) {
  try {
    fs.closeSync(0);
  } catch {
    // The code has closed it.
  }
  fs.openSync(path, 'r');
}

function withFile(text, use) {
  const directory = fs.mkdtempSync('/tmp/.stdin-');
  const path = `${directory}/stdin`;
  try {
    fs.writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
    use(path);
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function installStreams() {
  for (const [name, fd] of [
    ['stdout', 1],
    ['stderr', 2],
  ]) {
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      value: new SyncOutput(fd),
      writable: true,
    });
  }
  return {
    input: new Input(),
    /** Written behind all output, so that the engine knows that everything has arrived. */
    mark(nonce) {
      const marker = Buffer.from(`\0${nonce}\n`);
      for (const fd of [1, 2]) {
        try {
          writeAll(fd, marker);
        } catch {
          // The code closed it; the engine waits half a second and continues.
        }
      }
    },
  };
}

module.exports = { installStreams };
