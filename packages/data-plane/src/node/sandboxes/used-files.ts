import type { Files } from '@caisson/protocol/ports';

/** A use of a sandbox that lasts until disposed. */
export interface FileUse extends Disposable {
  readonly files: Files;
}

/** Wraps `Files` so that every operation counts as a use of the sandbox; a read counts until its body is closed. */
export function usedFiles(begin: () => FileUse): Files {
  const during = async <Result>(work: (files: Files) => Promise<Result>): Promise<Result> => {
    using use = begin();
    return await work(use.files);
  };
  return {
    stat: async (path, signal) => during(async (files) => files.stat(path, signal)),
    list: async (path, page, signal) => during(async (files) => files.list(path, page, signal)),
    read: async (path, signal) => {
      using stack = new DisposableStack();
      const { files } = stack.use(begin());
      const read = await files.read(path, signal);
      const untilClosed = stack.move();
      read.body.once('close', () => {
        untilClosed.dispose();
      });
      return read;
    },
    write: async (path, body, signal) => during(async (files) => files.write(path, body, signal)),
    delete: async (path, signal) => during(async (files) => files.delete(path, signal)),
  };
}
