import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Cgroups } from './cgroup.ts';
import { cgroupsOf } from './find-cgroups.ts';

const V1_CONTROLLERS = ['memory', 'pids', 'cpu', 'cpuacct', 'freezer'];

/** A directory that imitates the cgroups of a host; the test acts as the kernel. */
export class FakeHost implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'caisson-cgroups-'));
  readonly cgroups: Cgroups;

  constructor(version: 'v1' | 'v2') {
    const mountPoint = (name: string) => join(this.root, version === 'v1' ? name : '');
    const controllers = version === 'v1' ? V1_CONTROLLERS : [];
    const mountPoints = version === 'v1' ? controllers.map(mountPoint) : [this.root];
    this.cgroups = cgroupsOf({
      version,
      controllers: new Map(controllers.map((name) => [name, mountPoint(name)])),
      unified: version === 'v1' ? undefined : this.root,
      mountPoints,
    });
  }

  /** Writes the file `path`, relative to the root. */
  set(path: string, text = ''): void {
    mkdirSync(join(this.root, dirname(path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
