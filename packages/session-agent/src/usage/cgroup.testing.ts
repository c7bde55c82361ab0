import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A cgroup whose files are common ones; `set` writes one of them. */
export function makeCgroup() {
  const directory = mkdtempSync(join(tmpdir(), 'caisson-cgroup-'));
  return {
    locate: (_controller: string, name: string) => join(directory, name),
    set: (name: string, text: string | number) => {
      writeFileSync(join(directory, name), `${text}\n`);
    },
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true });
    },
  };
}
