import { CaissonError } from '@caisson/protocol/api';
import { rootDigest } from './root-digest.ts';
import type { RootDigest } from './root-digest.ts';
import type { RootFileSystem } from './root-file-system.ts';

/** Root file systems by template. */
export class TemplateRoots {
  /** Each root once, however many templates share it. */
  readonly all: ReadonlyMap<RootDigest, RootFileSystem>;
  readonly #digests: ReadonlyMap<string, RootDigest>;

  /** @param roots by template id; the directories that they mount must exist */
  constructor(roots: ReadonlyMap<string, RootFileSystem>) {
    const entries = [...roots].map(([templateId, root]) => ({ templateId, root, digest: rootDigest(root) }));
    this.all = new Map(entries.map(({ digest, root }) => [digest, root]));
    this.#digests = new Map(entries.map(({ templateId, digest }) => [templateId, digest]));
  }

  /** @throws CaissonError `template_not_found` */
  digestOf(templateId: string): RootDigest {
    const digest = this.#digests.get(templateId);
    if (digest === undefined)
      throw new CaissonError('template_not_found', { id: templateId, known: [...this.#digests.keys()] });
    return digest;
  }
}
