import { mkdir, open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';

/** A value on disk instead of in memory. The file has no name, so nothing is left of it however this process ends. */
export class SpillFile<Value> implements AsyncDisposable {
  readonly sizeBytes: number;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  /** @param directory created if missing; @throws Error if the write fails; nothing is left then */
  static async write<Value>(directory: string, value: Value): Promise<SpillFile<Value>> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, `output-${randomUUID()}`);
    const bytes = serialize(value);
    const file = await open(path, 'wx+', 0o600);
    try {
      await unlink(path);
      await file.writeFile(bytes);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new SpillFile<Value>(file, bytes.length);
  }

  async read(): Promise<Value> {
    const bytes = Buffer.allocUnsafe(this.sizeBytes);
    for (let offset = 0; offset < bytes.length;) {
      const { bytesRead } = await this.#file.read(bytes, offset, bytes.length - offset, offset);
      if (bytesRead === 0) throw new Error('a spilled output is shorter than it was written');
      offset += bytesRead;
    }
    return deserialize(bytes) as Value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
