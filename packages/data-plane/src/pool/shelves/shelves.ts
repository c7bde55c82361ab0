import type { Template } from '@caisson/protocol/ports';
import type { SandboxCounts } from '../demand/sandbox-counts.ts';
import type { WarmPoolOptions } from '../pool-options.ts';
import { Shelf } from './shelf.ts';
import { classKey } from './size-class.ts';
import type { SizeClass } from './size-class.ts';

/** Callers choose the sizes, and could otherwise make any number of shelves. */
const MAX_SHELVES = 64;
/** How many of a template's default size stand ready from its first use on. */
const AFTER_FIRST_USE = 1;

/** A shelf for each size class that was requested recently. */
export class Shelves {
  readonly #options: WarmPoolOptions;
  readonly #templates: readonly Template[];
  readonly #counts: SandboxCounts;
  /** Least recently used first. */
  readonly #shelves = new Map<string, Shelf>();

  constructor(options: WarmPoolOptions, templates: readonly Template[], counts: SandboxCounts) {
    this.#counts = counts;
    this.#options = options;
    this.#templates = templates;
  }

  get all(): readonly Shelf[] {
    return [...this.#shelves.values()];
  }

  /** The shelf of a class, made if there is none; `undefined` for an unknown template. */
  of(sizeClass: SizeClass, nowMs: number): Shelf | undefined {
    const key = classKey(sizeClass);
    const shelf = this.#shelves.get(key) ?? this.#make(sizeClass, nowMs);
    if (shelf === undefined) return undefined;
    this.#shelves.delete(key);
    this.#shelves.set(key, shelf);
    return shelf;
  }

  /** Drops empty shelves beyond the limit. */
  forgetIdle(): void {
    for (const [key, shelf] of this.#shelves) {
      if (this.#shelves.size <= MAX_SHELVES) return;
      if (shelf.isIdle) this.#shelves.delete(key);
    }
  }

  #make(sizeClass: SizeClass, nowMs: number): Shelf | undefined {
    const template = this.#templates.find(({ id }) => id === sizeClass.templateId);
    if (template === undefined) return undefined;
    const { warm, maximum, maxAgeMs } = this.#options;
    const [language] = template.languages;
    const isDefault = classKey({ ...sizeClass, resources: template.resources }) === classKey(sizeClass);
    const least = isDefault ? (warm[template.id] ?? AFTER_FIRST_USE) : 0;
    const bounds = { minimum: Math.min(least, maximum), maximum };
    return new Shelf(sizeClass, { language, bounds, maxAgeMs }, this.#counts, nowMs);
  }
}
