import type { Readable, Writable } from 'node:stream';

/** Bytes as they come from a process, for one reader. */
export interface ByteSource {
  /**
   * Gives each piece that comes to `take`; its bytes are another's once that returns, so what is kept is copied. `end` is called when no more will come, whatever the reason,
   * and perhaps more than once. What came before anybody read is not lost.
   */
  read(take: (bytes: Buffer) => void, end: () => void): void;
  /** From now on nothing is given, so that the writer has to wait, until `resume`. */
  pause(): void;
  resume(): void;
  /** Gives back the descriptor, and drops what is still to come. Can be called twice. */
  close(): void;
}

/** The same in both directions; once one of the two has failed, the channel is at its end. */
export interface ByteChannel extends ByteSource {
  /** What is written after the other end is gone is dropped. */
  write(text: string): void;
}

export function byteSource(stream: Readable): ByteSource {
  return {
    read: (take, end) => {
      stream.on('data', take).on('end', end).on('close', end).on('error', end);
    },
    pause: () => {
      stream.pause();
    },
    resume: () => {
      stream.resume();
    },
    close: () => {
      stream.destroy();
    },
  };
}

/** A channel of two streams; closing it closes both. */
export function byteChannel(reader: Readable, writer: Writable): ByteChannel {
  const source = byteSource(reader);
  return {
    ...source,
    read: (take, end) => {
      source.read(take, end);
      writer.on('close', end).on('error', end);
    },
    write: (text) => {
      writer.write(text);
    },
    close: () => {
      reader.destroy();
      writer.destroy();
    },
  };
}
