import type { Language, SandboxId } from '@caisson/protocol/api';
import type { PoolHealth, SandboxRequest, Template } from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import { NOTHING, difference, scarceResource, sum } from '../node/capacity/amounts.ts';
import type { Amounts } from '../node/capacity/amounts.ts';
import type { HostNode } from '../node/host-node.ts';
import type { Reservation } from '../node/capacity/reservations.ts';
import { NO_NETWORK } from '../runtimes/runtime.ts';
import type { Runtime, Sandbox, SandboxSpec } from '../runtimes/runtime.ts';
import type { TemplateRoots } from '../templates/template-roots.ts';
import type { HostLoad } from './demand/host-load.ts';
import { quotaKeyOf, SandboxCounts } from './demand/sandbox-counts.ts';
import { adopt, lend, occupy } from './shelves/lend.ts';
import { makeReady } from './shelves/make-ready.ts';
import type { WarmPoolOptions } from './pool-options.ts';
import { Refilling } from './demand/refilling.ts';
import type { ReadySandbox, Shelf } from './shelves/shelf.ts';
import { Shelves } from './shelves/shelves.ts';
import { sizeClassOf } from './shelves/size-class.ts';
import { needsFreshKernel } from './shelves/startup-variables.ts';
import { WaitingLine } from './waiting-line.ts';

const REFILL_TIMEOUT_MS = 30_000;
const TICK_MS = 1_000;

/** What a pool is made with. */
export interface WarmPoolParts {
  readonly runtime: Pick<Runtime, 'create' | 'isolation'>;
  /** Reserves the room for each sandbox. */
  readonly node: Pick<HostNode, 'reserve' | 'tryReserve' | 'promiseOf' | 'isOnDisk'>;
  /** The root of each template. */
  readonly roots: Pick<TemplateRoots, 'digestOf'>;
  readonly templates: readonly Template[];
  readonly options: WarmPoolOptions;
  readonly readLoad: () => HostLoad;
  readonly clock: PoolClock;
  readonly newId: () => SandboxId;
  readonly logger: Logger;
}

export interface PoolClock {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number;
}

/**
 * Lends sandboxes with a kernel that has started: one made ahead, if its class has one, or else one made on the spot, first
 * come, first served. A sandbox that was lent never comes back. Disposing ends the ready ones.
 */
export class WarmPool implements AsyncDisposable {
  readonly #parts: WarmPoolParts;
  readonly #counts = new SandboxCounts();
  readonly #shelves: Shelves;
  readonly #line: WaitingLine<Sandbox>;
  readonly #refilling: Refilling;
  readonly #closing = new AbortController();
  /** Refills, and ends of sandboxes that were not lent; none rejects. */
  readonly #underWay = new Set<Promise<void>>();
  #ticking: NodeJS.Timeout | undefined;
  #resting: NodeJS.Timeout | undefined;

  constructor(parts: WarmPoolParts) {
    this.#parts = parts;
    this.#shelves = new Shelves(parts.options, parts.templates, this.#counts);
    this.#line = new WaitingLine(parts.options.creations);
    this.#refilling = new Refilling(parts.readLoad());
  }

  /** Starts making sandboxes ahead, in the background; until then each is made on the spot. */
  start(): void {
    if (this.#ticking !== undefined || this.#closing.signal.aborted) return;
    const { templates, options, runtime, clock } = this.#parts;
    for (const { id, resources } of templates) {
      if ((options.warm[id] ?? 0) === 0) continue;
      this.#shelves.of({ templateId: id, isolation: runtime.isolation, resources }, clock.nowMs());
    }
    this.#ticking = setInterval(() => {
      this.tick();
    }, TICK_MS).unref();
    this.#refill();
  }

  /**
   * A sandbox for this request alone, which the caller disposes.
   * @param language of the kernel that is started if the sandbox is made on the spot; ready ones have their template's first
   * @throws CaissonError `insufficient_capacity`, `template_not_found`, what the runtime throws, or the reason of `signal`
   */
  async take(request: SandboxRequest, language: Language, signal: AbortSignal): Promise<Sandbox> {
    using unlessTaken = new DisposableStack();
    const held = unlessTaken.use(this.#counts.hold(quotaKeyOf(request)));
    const sandbox = await this.#take(request, language, signal);
    const taken = lend(sandbox, request.id, held);
    unlessTaken.move();
    // One that stood ready has a cgroup by the name of the id that it had until now.
    const { id, tenantId } = request;
    this.#parts.logger.info({ sandbox_id: id, tenant_id: tenantId, cgroup: sandbox.id }, 'sandbox claimed');
    return taken;
  }

  /** Numbers of each class; none before `start`. */
  health(): PoolHealth[] {
    return this.#ticking === undefined ? [] : this.#shelves.all.map((shelf) => shelf.health());
  }

  /** Starts ending ready ones until nothing is missing any more, as far as they can help. Returns what they give back. */
  giveWay(missing: Amounts): Amounts {
    let given = NOTHING;
    for (const shelf of this.#shelves.all) {
      const each = this.#parts.node.promiseOf(shelf.class.resources);
      while (scarceResource(difference(missing, given), NOTHING) !== undefined) {
        const sandbox = shelf.giveUp();
        if (sandbox === undefined) break;
        given = sum(given, each);
        this.#end(sandbox);
      }
    }
    return given;
  }

  /** Starts ending all ready ones. */
  empty(): void {
    for (const shelf of this.#shelves.all) for (const sandbox of shelf.empty()) this.#end(sandbox);
  }

  /** Looks at the host and at what is ready, and refills; `start` calls it once a second. */
  tick(): void {
    const { clock, readLoad, logger } = this.#parts;
    const wasScarce = this.#refilling.scarce;
    this.#refilling.observe(readLoad());
    const { scarce } = this.#refilling;
    if (scarce && !wasScarce) logger.warn('memory is scarce: the warm pools are emptied');
    if (wasScarce && !scarce) logger.info('memory is available again: the warm pools are refilled');
    for (const shelf of this.#shelves.all) {
      shelf.plan(clock.nowMs());
      for (const sandbox of scarce ? shelf.empty() : shelf.sortOut(clock.nowMs())) this.#end(sandbox);
    }
    this.#shelves.forgetIdle();
    this.#refill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#ticking);
    clearTimeout(this.#resting);
    this.#closing.abort(new Error('the pool was closed'));
    this.#line.close(new Error('the pool was closed'));
    this.empty();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #take(request: SandboxRequest, language: Language, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted();
    const shelf = this.#shelfFor(request);
    const ready = shelf?.claim(request, this.#parts.clock.nowMs(), (sandbox) => {
      this.#end(sandbox);
    });
    this.#refill();
    if (ready !== undefined) return await this.#adoptOrEnd(ready, request, signal);
    const spec = this.#specOf(request);
    // Before a turn in the line: a request that waits for room must not hold up others.
    using unlessUsed = new DisposableStack();
    const room = unlessUsed.use(await this.#parts.node.reserve(request, 'sandbox', signal));
    const served = await this.#line.wait(shelf?.key, signal);
    if (served.type === 'goods') return await this.#adoptOrEnd(served.goods, request, signal);
    try {
      const plan = { language, cpuWeight: 'normal' } as const;
      const sandbox = occupy(await makeReady(this.#parts.runtime, spec, plan, signal), room);
      unlessUsed.move();
      return sandbox;
    } finally {
      served.release();
      this.#refill();
    }
  }

  /** The shelf that can serve a request; `undefined` if its kernel must start with its environment. */
  #shelfFor(request: SandboxRequest): Shelf | undefined {
    if (this.#ticking === undefined || needsFreshKernel(request.env)) return undefined;
    return this.#shelves.of(sizeClassOf(request), this.#parts.clock.nowMs());
  }

  #specOf(request: Pick<SandboxRequest, 'id' | 'templateId' | 'resources' | 'env'>): SandboxSpec {
    const { id, templateId, resources, env } = request;
    const { node, roots } = this.#parts;
    const workspace = node.isOnDisk(resources) ? 'disk' : 'memory';
    return { id, resources, env, root: roots.digestOf(templateId), workspace, network: NO_NETWORK };
  }

  async #adoptOrEnd(sandbox: Sandbox, request: SandboxRequest, signal: AbortSignal): Promise<Sandbox> {
    try {
      signal.throwIfAborted();
      await adopt(sandbox, request, signal);
      signal.throwIfAborted();
      return sandbox;
    } catch (error) {
      this.#end(sandbox);
      throw error;
    }
  }

  /** Starts the refills that are due, unless callers wait: they come first. */
  #refill(): void {
    if (this.#ticking === undefined || this.#closing.signal.aborted) return;
    const { clock } = this.#parts;
    while (this.#line.waiting === 0) {
      const shelf = this.#refilling.next(clock.nowMs(), this.#shelves.all);
      if (shelf === undefined) break;
      this.#watch(this.#fill(shelf));
    }
    const restMs = this.#refilling.restMs(clock.nowMs());
    if (restMs === 0) return;
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      this.#refill();
    }, restMs).unref();
  }

  async #fill(shelf: Shelf): Promise<void> {
    await this.#tryToFill(shelf);
    this.#refill();
  }

  async #tryToFill(shelf: Shelf): Promise<void> {
    const { clock, logger } = this.#parts;
    // Until it is on the shelf, so that it always counts as made or as being made.
    using underWay = this.#refilling.begin(shelf, () => clock.nowMs());
    underWay satisfies Disposable;
    try {
      const room = this.#parts.node.tryReserve(shelf.class.resources);
      if (room === undefined) {
        shelf.failed(clock.nowMs());
        return;
      }
      const made = await this.#makeFor(shelf, room);
      if (this.#closing.signal.aborted || this.#refilling.scarce) this.#end(made.sandbox);
      else if (!this.#line.offer(shelf.key, made.sandbox)) shelf.put(made, clock.nowMs());
    } catch (error) {
      const isFirst = shelf.failed(clock.nowMs());
      if (isFirst && !this.#closing.signal.aborted) {
        logger.error({ err: error, template: shelf.class.templateId }, 'ready sandbox not created');
      }
    }
  }

  async #makeFor(shelf: Shelf, room: Reservation): Promise<ReadySandbox> {
    await using unlessMade = new AsyncDisposableStack();
    unlessMade.use(room);
    const { runtime, newId } = this.#parts;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(REFILL_TIMEOUT_MS)]);
    const { templateId, resources } = shelf.class;
    const spec = this.#specOf({ id: newId(), templateId, resources, env: {} });
    const plan = { language: shelf.language, cpuWeight: 'low' } as const;
    const sandbox = unlessMade.use(occupy(await makeReady(runtime, spec, plan, signal), room));
    const { memoryBytes } = await sandbox.usage(signal);
    unlessMade.move();
    return { sandbox, heldBytes: memoryBytes };
  }

  #end(sandbox: Sandbox): void {
    this.#watch(this.#remove(sandbox));
  }

  async #remove(sandbox: Sandbox): Promise<void> {
    try {
      await sandbox[Symbol.asyncDispose]();
    } catch (error) {
      this.#parts.logger.error({ err: error, sandbox_id: sandbox.id }, 'ready sandbox not removed');
    }
  }

  /** @param work what never rejects */
  #watch(work: Promise<void>): void {
    const watched = work.then(() => {
      this.#underWay.delete(watched);
    });
    this.#underWay.add(watched);
  }
}
