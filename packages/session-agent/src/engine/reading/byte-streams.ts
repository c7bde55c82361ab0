import type { Readable, Writable } from 'node:stream';
import type { ByteSink, ByteSource } from '@caisson/protocol/ports';

/** Bytes in both directions; once either has failed, the channel is at its end. */
export interface ByteChannel extends ByteSource {
  /** What is written after the other end is gone is dropped. */
  write(text: string): void;
}

/** The writing half of a channel. */
export interface ChannelWriter extends Pick<ByteChannel, 'write' | 'close'> {
  /** Calls `listener` when nothing can be written any more, perhaps more than once. */
  onClose(listener: () => void): void;
}

/** A channel of two halves; closing it closes both. */
export function byteChannel(source: ByteSource, writer: ChannelWriter): ByteChannel {
  return {
    read: (take, end) => {
      source.read(take, end);
      writer.onClose(end);
    },
    pause: () => {
      source.pause();
    },
    resume: () => {
      source.resume();
    },
    write: (text) => {
      writer.write(text);
    },
    close: () => {
      source.close();
      writer.close();
    },
  };
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

export function channelWriter(stream: Writable): ChannelWriter {
  return {
    write: (text) => {
      stream.write(text);
    },
    close: () => {
      stream.destroy();
    },
    onClose: (listener) => {
      stream.on('close', listener).on('error', listener);
    },
  };
}

export function byteSink(stream: Writable): ByteSink {
  // The process has closed its end: the next write is dropped.
  stream.on('error', () => undefined);
  return {
    write: (bytes) => {
      if (stream.destroyed || stream.writableEnded || stream.write(bytes)) return undefined;
      return drained(stream);
    },
    end: () => {
      stream.end();
    },
  };
}

/** Resolves when `stream` takes more, or will never take any. */
async function drained(stream: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const stop = (): void => {
    resolve(undefined);
  };
  stream.once('drain', stop).once('close', stop);
  await promise;
  stream.off('drain', stop).off('close', stop);
}
