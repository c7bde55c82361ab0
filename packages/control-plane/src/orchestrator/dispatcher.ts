import { CaissonError } from '@caisson/protocol';
import type { TenantId } from '@caisson/protocol';
import type { Clock } from '../clock.ts';
import { admit, nextTenant, retryAfterSeconds } from './admission.ts';
import type { AdmissionLimits, TenantLoad } from './admission.ts';

/** Something that takes a turn. */
export interface Entrant {
  readonly tenantId: TenantId;
  /** Those of one lane run one after another: the session of a step; `null` for a job. */
  readonly lane: string | null;
  /** What it holds in memory while it waits. */
  readonly bytes: number;
  /** Called when its turn comes, if it had to wait. Must not throw; whoever runs it calls `leave` at the end. */
  start(): void;
}

interface Tenant {
  readonly tenant: TenantId;
  running: number;
  waiting: number;
  readonly queue: Entrant[];
  readonly ready: number;
}

/** Keeps who runs and who waits, by the decisions of `admission.ts`. */
export class Dispatcher {
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  /** In the order of their turns: whoever was served goes to the end. */
  readonly #tenants = new Map<TenantId, Tenant>();
  /** Lanes in which one runs or is ready, with those that wait for it. */
  readonly #lanes = new Map<string, Entrant[]>();
  #running = 0;
  #waiting = 0;
  #waitingBytes = 0;
  #held = false;
  #finishedPerSecond = 0;
  #lastFinishedAt = 0;

  constructor(limits: AdmissionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Lets `entrant` run now, or queues it. @throws CaissonError `queue_full` */
  enter(entrant: Entrant): 'run' | 'wait' {
    const tenant = this.#tenants.get(entrant.tenantId);
    const load = {
      running: this.#running,
      waiting: this.#waiting,
      waitingBytes: this.#waitingBytes,
      tenantRunning: tenant?.running ?? 0,
      tenantWaiting: tenant?.waiting ?? 0,
      laneBusy: entrant.lane !== null && this.#lanes.has(entrant.lane),
    };
    const admission = admit(this.#limits, load, entrant.bytes);
    if (typeof admission === 'object') {
      throw new CaissonError('queue_full', {
        limit: admission.refused,
        retryAfterSeconds: retryAfterSeconds(this.#waiting, this.#finishedPerSecond),
      });
    }
    if (admission === 'wait') this.requeue(entrant);
    else {
      if (entrant.lane !== null) this.#lanes.set(entrant.lane, []);
      this.#take(this.#tenant(entrant.tenantId));
    }
    return admission;
  }

  /** Queues what was admitted before, whatever the bounds say: it was promised to run. */
  requeue(entrant: Entrant): void {
    const tenant = this.#tenant(entrant.tenantId);
    tenant.waiting += 1;
    this.#waiting += 1;
    this.#waitingBytes += entrant.bytes;
    const lane = entrant.lane === null ? undefined : this.#lanes.get(entrant.lane);
    if (lane !== undefined) {
      lane.push(entrant);
      return;
    }
    if (entrant.lane !== null) this.#lanes.set(entrant.lane, []);
    tenant.queue.push(entrant);
  }

  /** Takes one that waits out of the queue; `false` if it does not wait. */
  withdraw(entrant: Entrant): boolean {
    const tenant = this.#tenants.get(entrant.tenantId);
    if (tenant === undefined) return false;
    const wasReady = remove(tenant.queue, entrant);
    const lane = entrant.lane === null ? undefined : this.#lanes.get(entrant.lane);
    if (!wasReady && (lane === undefined || !remove(lane, entrant))) return false;
    this.#stopWaiting(tenant, entrant);
    if (wasReady) this.#freeLane(entrant.lane);
    this.#forgetIfIdle(tenant);
    return true;
  }

  /** Gives the turn of one that ran to the next. */
  leave(entrant: Entrant): void {
    const tenant = this.#tenant(entrant.tenantId);
    tenant.running -= 1;
    this.#running -= 1;
    this.#measurePace();
    this.#freeLane(entrant.lane);
    this.#forgetIfIdle(tenant);
    this.dispatch();
  }

  /** Starts no more of those that wait, as at shutdown. */
  hold(): void {
    this.#held = true;
  }

  /** Starts all that may start. */
  dispatch(): void {
    for (;;) {
      const id = this.#held ? undefined : nextTenant<TenantId>(this.#limits, this.#running, this.#rotation());
      if (id === undefined) return;
      const tenant = this.#tenant(id);
      const entrant = tenant.queue.shift();
      if (entrant === undefined) return;
      this.#stopWaiting(tenant, entrant);
      this.#take(tenant);
      entrant.start();
    }
  }

  #rotation(): Iterable<TenantLoad<TenantId>> {
    return this.#tenants.values();
  }

  #take(tenant: Tenant): void {
    tenant.running += 1;
    this.#running += 1;
    this.#tenants.delete(tenant.tenant);
    this.#tenants.set(tenant.tenant, tenant);
  }

  #stopWaiting(tenant: Tenant, entrant: Entrant): void {
    tenant.waiting -= 1;
    this.#waiting -= 1;
    this.#waitingBytes -= entrant.bytes;
  }

  #freeLane(lane: string | null): void {
    if (lane === null) return;
    const next = this.#lanes.get(lane)?.shift();
    if (next === undefined) this.#lanes.delete(lane);
    else this.#tenant(next.tenantId).queue.push(next);
  }

  #tenant(id: TenantId): Tenant {
    const known = this.#tenants.get(id);
    if (known !== undefined) return known;
    const queue: Entrant[] = [];
    const tenant: Tenant = {
      tenant: id,
      running: 0,
      waiting: 0,
      queue,
      get ready() {
        return queue.length;
      },
    };
    this.#tenants.set(id, tenant);
    return tenant;
  }

  #forgetIfIdle(tenant: Tenant): void {
    if (tenant.running === 0 && tenant.waiting === 0) this.#tenants.delete(tenant.tenant);
  }

  /** A moving average over about the last ten that ended. */
  #measurePace(): void {
    const now = this.#clock.nowMs();
    const perSecond = 1000 / Math.max(now - this.#lastFinishedAt, 1);
    this.#finishedPerSecond += (perSecond - this.#finishedPerSecond) / 10;
    this.#lastFinishedAt = now;
  }
}

function remove(list: Entrant[], entrant: Entrant): boolean {
  const index = list.indexOf(entrant);
  if (index < 0) return false;
  list.splice(index, 1);
  return true;
}
