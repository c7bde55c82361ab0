import type { SandboxRequest } from '@caisson/protocol/ports';
import { quotaKeyOf } from './sandbox-counts.ts';
import type { SandboxCounts } from './sandbox-counts.ts';

/** Far more than a class has ready sandboxes, so that forgetting the rest changes nothing. */
const MOST_REMEMBERED = 256;

interface Requester {
  readonly askedAtMs: number;
  readonly limit: number;
}

/** Who has asked for sandboxes of one class, by `quotaKeyOf`. */
export class RecentRequesters {
  readonly #counts: Pick<SandboxCounts, 'countOf'>;
  /** Least recent first. */
  readonly #requesters = new Map<string, Requester>();

  /** @param counts of the sandboxes of all classes */
  constructor(counts: Pick<SandboxCounts, 'countOf'>) {
    this.#counts = counts;
  }

  note(nowMs: number, request: Pick<SandboxRequest, 'tenantId' | 'quota'>): void {
    const quotaKey = quotaKeyOf(request);
    this.#requesters.delete(quotaKey);
    this.#requesters.set(quotaKey, { askedAtMs: nowMs, limit: request.quota.limit });
    const [leastRecent] = this.#requesters.keys();
    if (this.#requesters.size > MOST_REMEMBERED && leastRecent !== undefined)
      this.#requesters.delete(leastRecent);
  }

  /** How many more sandboxes those who asked since `sinceMs` could take, each by its latest quota. */
  room(sinceMs: number): number {
    let room = 0;
    for (const [quotaKey, { askedAtMs, limit }] of this.#requesters) {
      if (askedAtMs >= sinceMs) room += Math.max(0, limit - this.#counts.countOf(quotaKey));
    }
    return room;
  }
}
