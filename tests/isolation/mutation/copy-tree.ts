import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Edit } from './mutation.ts';

const COPIED = ['package.json', 'tsconfig.json', 'packages', 'tests'];

/** A modifiable copy of the project. Disposing removes it. */
export class CopyOfTree implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'caisson-walls-'));

  constructor(root: string) {
    for (const name of COPIED) cpSync(join(root, name), join(this.directory, name), { recursive: true });
    // Third-party packages are shared; those of the project are copied.
    const [from, to] = [join(root, 'node_modules'), join(this.directory, 'node_modules')];
    mkdirSync(to);
    for (const name of readdirSync(from)) {
      if (name === '@caisson')
        cpSync(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true });
      else symlinkSync(join(from, name), join(to, name));
    }
  }

  /** Applies the changes until the result is disposed. @throws Error if one no longer applies */
  change(edits: readonly Edit[]): Disposable {
    using undo = new DisposableStack();
    for (const { file, find, replace } of edits) {
      const path = join(this.directory, file);
      const before = readFileSync(path, 'utf8');
      const count = before.split(find).length - 1;
      if (count !== 1) throw new Error(`${file} has ${count} places with: ${find}`);
      undo.defer(() => {
        writeFileSync(path, before);
      });
      writeFileSync(
        path,
        before.replace(find, () => replace),
      );
    }
    return undo.move();
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}
