import type { Language, TenantId } from '@caisson/protocol/api';
import type { SandboxRequest, StepRequest } from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import type { Reservation } from '../../node/capacity/reservations.ts';
import type { ForkServers, RunnerSpec } from '../fork-server/fork-server.ts';
import type { TemplateRoots } from '../../templates/template-roots.ts';
import { Runner } from './runner.ts';
import type { LeasedCell } from './runner.ts';
import { orAborted } from '../../abort/or-aborted.ts';
import { ageOf, leastRecentlyUsed } from './runner-life.ts';

const TICK_MS = 1_000;
const MOST_RUNNERS = 16;
/** After a failed start, jobs that have no runner get sandboxes for this long. */
const RETRY_AFTER_MS = 30_000;

/** Whose runner it is, and what is in it: no runner serves two that differ in any of these. */
interface RunnerOwner extends RunnerSpec {
  readonly tenantId: TenantId;
  readonly templateId: string;
}

/** What runners are started with. */
export interface RunnersParts {
  readonly forkServers: ForkServers;
  /** The root of each template. */
  readonly roots: Pick<TemplateRoots, 'digestOf'>;
  /** Takes the room of one runner, without its cells, of the node; `undefined` where there is none to spare. */
  readonly reserve: () => Reservation | undefined;
  readonly logger: Logger;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
}

/** The runners of one runtime: started on demand, replaced when old, ended when idle. */
export class Runners implements AsyncDisposable {
  readonly #parts: RunnersParts;
  readonly #current = new Map<string, Runner>();
  readonly #starting = new Map<string, Promise<Runner>>();
  readonly #ending = new Set<Promise<void>>();
  readonly #closed = new AbortController();
  readonly #tick: NodeJS.Timeout;
  #failedMs = -Infinity;

  constructor(parts: RunnersParts) {
    this.#parts = parts;
    this.#tick = setInterval(() => {
      this.#keepUp();
    }, TICK_MS).unref();
  }

  /** Whether there are cells with a kernel of `language`. */
  hasCellsFor(language: Language): boolean {
    return this.#parts.forkServers.languages.includes(language);
  }

  /**
   * A cell for one job; `undefined` where none can be had, so that the job needs a sandbox.
   * @throws CaissonError `template_not_found`, or the reason of `signal`
   */
  async lease(
    { tenantId, templateId, resources, env }: SandboxRequest,
    { code, language }: StepRequest,
    signal: AbortSignal,
  ): Promise<LeasedCell | undefined> {
    const { forkServers, roots } = this.#parts;
    const preload = forkServers.choosePreload(code, language);
    const owner: RunnerOwner = { tenantId, templateId, root: roots.digestOf(templateId), preload };
    const spec = { resources, env };
    const runner = await this.#runnerOf(owner, signal);
    if (runner?.has(spec) !== true) return undefined;
    try {
      return await runner.lease(spec, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#parts.logger.warn({ err: error, tenant_id: owner.tenantId }, 'no cell could be made');
      return undefined;
    }
  }

  /** Starts ending the least recently used of the idle runners. Returns whether there was one. */
  giveWay(): boolean {
    return this.#endIdle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#tick);
    this.#closed.abort(new Error('the data plane is closed'));
    await Promise.allSettled(this.#starting.values());
    for (const [key, runner] of this.#current)
      this.#end(key, runner, async () => runner[Symbol.asyncDispose]());
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  async #runnerOf(owner: RunnerOwner, signal: AbortSignal): Promise<Runner | undefined> {
    const key = JSON.stringify([owner.tenantId, owner.templateId, owner.root, owner.preload.name]);
    const runner = this.#current.get(key);
    const age = runner === undefined ? 'overdue' : ageOf(this.#parts.nowMs(), runner);
    if (age === 'due' && this.#canStart(key)) this.#start(key, owner).catch(() => undefined);
    if (age !== 'overdue') return runner;
    const starting = this.#starting.get(key) ?? (this.#canStart(key) ? this.#start(key, owner) : undefined);
    try {
      return starting === undefined ? undefined : await orAborted(starting, signal);
    } catch {
      // Logged where it was started.
      signal.throwIfAborted();
      return undefined;
    }
  }

  #canStart(key: string): boolean {
    if (this.#starting.has(key) || this.#closed.signal.aborted) return false;
    if (this.#parts.nowMs() - this.#failedMs < RETRY_AFTER_MS) return false;
    if (this.#current.has(key) || this.#current.size + this.#starting.size < MOST_RUNNERS) return true;
    return this.#endIdle();
  }

  #endIdle(): boolean {
    const idle = leastRecentlyUsed(this.#current.values());
    for (const [otherKey, runner] of this.#current) {
      if (runner === idle) this.#end(otherKey, runner, async () => runner.retire());
    }
    return idle !== undefined;
  }

  async #start(key: string, owner: RunnerOwner): Promise<Runner> {
    const started = this.#startRunner(key, owner);
    this.#starting.set(key, started);
    try {
      return await started;
    } catch (error) {
      if (!this.#closed.signal.aborted) {
        this.#failedMs = this.#parts.nowMs();
        this.#parts.logger.error(
          { err: error },
          'no runner could be started; jobs get sandboxes of their own',
        );
      }
      throw error;
    } finally {
      this.#starting.delete(key);
    }
  }

  async #startRunner(key: string, { tenantId, root, preload }: RunnerOwner): Promise<Runner> {
    using unlessStarted = new DisposableStack();
    const { forkServers, reserve, nowMs } = this.#parts;
    const room = reserve();
    if (room === undefined) throw new Error('the node has no room for a runner');
    unlessStarted.use(room);
    const server = await forkServers.start({ root, preload }, this.#closed.signal);
    unlessStarted.move();
    const runner = new Runner(server, room, nowMs);
    const predecessor = this.#current.get(key);
    if (predecessor !== undefined) this.#end(key, predecessor, async () => predecessor.retire());
    this.#current.set(key, runner);
    // However it ends, what is left of it is removed, and the next job gets another one.
    runner.lost.then(
      (reason) => {
        if (this.#current.get(key) === runner) {
          this.#parts.logger.warn({ err: reason, tenant_id: tenantId }, 'a runner is replaced');
        }
        this.#end(key, runner, async () => runner[Symbol.asyncDispose]());
      },
      () => undefined,
    );
    return runner;
  }

  #keepUp(): void {
    const now = this.#parts.nowMs();
    for (const [key, runner] of this.#current) {
      runner.refill();
      const age = ageOf(now, runner);
      if (age === 'idle' || (age === 'overdue' && runner.running === 0)) {
        this.#end(key, runner, async () => runner.retire());
      }
    }
  }

  #end(key: string, runner: Runner, how: () => Promise<void>): void {
    if (this.#current.get(key) === runner) this.#current.delete(key);
    const ended = how().catch((error: unknown) => {
      // The next start of a data plane removes what is left.
      this.#parts.logger.error({ err: error }, 'a runner could not be removed');
    });
    this.#ending.add(ended);
    ended.then(
      () => this.#ending.delete(ended),
      () => undefined,
    );
  }
}
