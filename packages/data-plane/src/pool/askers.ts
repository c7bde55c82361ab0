import type { SandboxRequest } from '@caisson/protocol';
import { holderOf } from './holdings.ts';
import type { Holdings } from './holdings.ts';

/** Far more than there are ready sandboxes of a class, so that of those who are forgotten none is missed. */
const MOST_REMEMBERED = 256;

interface Asker {
  readonly askedAtMs: number;
  readonly limit: number;
}

/** Who asked for sandboxes of one class. */
export class Askers {
  readonly #holdings: Pick<Holdings, 'countOf'>;
  /** By holder, the one longest silent first. */
  readonly #askers = new Map<string, Asker>();

  /** @param holdings what they hold of all classes */
  constructor(holdings: Pick<Holdings, 'countOf'>) {
    this.#holdings = holdings;
  }

  note(nowMs: number, request: Pick<SandboxRequest, 'tenantId' | 'quota'>): void {
    const holder = holderOf(request);
    this.#askers.delete(holder);
    this.#askers.set(holder, { askedAtMs: nowMs, limit: request.quota.limit });
    const [longestSilent] = this.#askers.keys();
    if (this.#askers.size > MOST_REMEMBERED && longestSilent !== undefined)
      this.#askers.delete(longestSilent);
  }

  /** How many more all who asked since `sinceMs` could take, each by the quota it asked with last. */
  room(sinceMs: number): number {
    let room = 0;
    for (const [holder, { askedAtMs, limit }] of this.#askers) {
      if (askedAtMs >= sinceMs) room += Math.max(0, limit - this.#holdings.countOf(holder));
    }
    return room;
  }
}
