import type { SandboxRequest } from '@caisson/protocol';
import { holderOf } from './sandbox-counts.ts';
import type { SandboxCounts } from './sandbox-counts.ts';

/** Far more than there are ready sandboxes of a class, so that of those who are forgotten none is missed. */
const MOST_REMEMBERED = 256;

interface Asker {
  readonly askedAtMs: number;
  readonly limit: number;
}

/** Who asked for sandboxes of one class. */
export class RecentRequesters {
  readonly #counts: Pick<SandboxCounts, 'countOf'>;
  /** By holder, the one longest silent first. */
  readonly #requesters = new Map<string, Asker>();

  /** @param counts what they hold of all classes */
  constructor(counts: Pick<SandboxCounts, 'countOf'>) {
    this.#counts = counts;
  }

  note(nowMs: number, request: Pick<SandboxRequest, 'tenantId' | 'quota'>): void {
    const holder = holderOf(request);
    this.#requesters.delete(holder);
    this.#requesters.set(holder, { askedAtMs: nowMs, limit: request.quota.limit });
    const [longestSilent] = this.#requesters.keys();
    if (this.#requesters.size > MOST_REMEMBERED && longestSilent !== undefined)
      this.#requesters.delete(longestSilent);
  }

  /** How many more all who asked since `sinceMs` could take, each by the quota it asked with last. */
  room(sinceMs: number): number {
    let room = 0;
    for (const [holder, { askedAtMs, limit }] of this.#requesters) {
      if (askedAtMs >= sinceMs) room += Math.max(0, limit - this.#counts.countOf(holder));
    }
    return room;
  }
}
