import { CaissonError } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';
import type { Clock } from '../../time/clock.ts';
import { admit, nextTenant, retryAfterSeconds } from './admission.ts';
import type { AdmissionLimits, TenantLoad } from './admission.ts';

/** An execution in the queue. */
export interface QueueItem {
  readonly tenantId: TenantId;
  /** Items with the same key run one after another: the session of a step; `null` for a job. */
  readonly serialKey: string | null;
  /** Memory that it takes while it waits. */
  readonly bytes: number;
  /** Called at its turn, if it had to wait. Must not throw; the caller of `enter` calls `leave` when it ends. */
  start(): void;
}

interface Tenant {
  readonly tenant: TenantId;
  running: number;
  waiting: number;
  readonly queue: QueueItem[];
  readonly ready: number;
}

/** The queue: which executions run and which wait, by the rules of `admission.ts`. */
export class Dispatcher {
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  /** In the order of their turns: a tenant that was served goes to the end. */
  readonly #tenants = new Map<TenantId, Tenant>();
  /** Serial keys with a running or ready item, and the items that wait for it. */
  readonly #serialKeys = new Map<string, QueueItem[]>();
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

  /** Admits `item` to run now, or queues it. @throws CaissonError `queue_full` */
  enter(item: QueueItem): 'run' | 'wait' {
    const tenant = this.#tenants.get(item.tenantId);
    const load = {
      running: this.#running,
      waiting: this.#waiting,
      waitingBytes: this.#waitingBytes,
      tenantRunning: tenant?.running ?? 0,
      tenantWaiting: tenant?.waiting ?? 0,
      serialKeyBusy: item.serialKey !== null && this.#serialKeys.has(item.serialKey),
    };
    const admission = admit(this.#limits, load, item.bytes);
    if (typeof admission === 'object') {
      throw new CaissonError('queue_full', {
        limit: admission.refused,
        retryAfterSeconds: retryAfterSeconds(this.#waiting, this.#finishedPerSecond),
      });
    }
    if (admission === 'wait') this.requeue(item);
    else {
      if (item.serialKey !== null) this.#serialKeys.set(item.serialKey, []);
      this.#take(this.#tenant(item.tenantId));
    }
    return admission;
  }

  /** Queues an item that was admitted before, regardless of the limits: its caller was promised that it runs. */
  requeue(item: QueueItem): void {
    const tenant = this.#tenant(item.tenantId);
    tenant.waiting += 1;
    this.#waiting += 1;
    this.#waitingBytes += item.bytes;
    const before = item.serialKey === null ? undefined : this.#serialKeys.get(item.serialKey);
    if (before !== undefined) {
      before.push(item);
      return;
    }
    if (item.serialKey !== null) this.#serialKeys.set(item.serialKey, []);
    tenant.queue.push(item);
  }

  /** Removes a waiting item from the queue; `false` if it is not waiting. */
  withdraw(item: QueueItem): boolean {
    const tenant = this.#tenants.get(item.tenantId);
    if (tenant === undefined) return false;
    const wasReady = remove(tenant.queue, item);
    const before = item.serialKey === null ? undefined : this.#serialKeys.get(item.serialKey);
    if (!wasReady && (before === undefined || !remove(before, item))) return false;
    this.#stopWaiting(tenant, item);
    if (wasReady) this.#freeSerialKey(item.serialKey);
    this.#forgetIfIdle(tenant);
    return true;
  }

  /** Frees the slot of a finished item for the next one. */
  leave(item: QueueItem): void {
    const tenant = this.#tenant(item.tenantId);
    tenant.running -= 1;
    this.#running -= 1;
    this.#measurePace();
    this.#freeSerialKey(item.serialKey);
    this.#forgetIfIdle(tenant);
    this.dispatch();
  }

  /** Starts no more waiting items, as at shutdown. */
  hold(): void {
    this.#held = true;
  }

  /** Starts every waiting item that may start. */
  dispatch(): void {
    for (;;) {
      const id = this.#held ? undefined : nextTenant<TenantId>(this.#limits, this.#running, this.#rotation());
      if (id === undefined) return;
      const tenant = this.#tenant(id);
      const item = tenant.queue.shift();
      if (item === undefined) return;
      this.#stopWaiting(tenant, item);
      this.#take(tenant);
      item.start();
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

  #stopWaiting(tenant: Tenant, item: QueueItem): void {
    tenant.waiting -= 1;
    this.#waiting -= 1;
    this.#waitingBytes -= item.bytes;
  }

  #freeSerialKey(serialKey: string | null): void {
    if (serialKey === null) return;
    const next = this.#serialKeys.get(serialKey)?.shift();
    if (next === undefined) this.#serialKeys.delete(serialKey);
    else this.#tenant(next.tenantId).queue.push(next);
  }

  #tenant(id: TenantId): Tenant {
    const known = this.#tenants.get(id);
    if (known !== undefined) return known;
    const queue: QueueItem[] = [];
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

  /** A moving average over about the last ten executions. */
  #measurePace(): void {
    const now = this.#clock.nowMs();
    const perSecond = 1000 / Math.max(now - this.#lastFinishedAt, 1);
    this.#finishedPerSecond += (perSecond - this.#finishedPerSecond) / 10;
    this.#lastFinishedAt = now;
  }
}

function remove(list: QueueItem[], item: QueueItem): boolean {
  const index = list.indexOf(item);
  if (index < 0) return false;
  list.splice(index, 1);
  return true;
}
