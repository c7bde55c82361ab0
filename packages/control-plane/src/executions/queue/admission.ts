/** Limits of concurrent and queued executions. */
export interface AdmissionLimits {
  readonly maxRunning: number;
  readonly maxRunningPerTenant: number;
  readonly maxWaiting: number;
  readonly maxWaitingPerTenant: number;
  readonly maxWaitingBytes: number;
}

export interface AdmissionLoad {
  readonly running: number;
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly tenantRunning: number;
  readonly tenantWaiting: number;
  /** Whether another step of the same session is running or queued ahead of it. */
  readonly serialKeyBusy: boolean;
}

export type Admission = 'run' | 'wait' | { readonly refused: number };

/** Whether a new execution, with a request of `bytes`, runs, waits or is refused; `refused` is the limit that was reached. */
export function admit(limits: AdmissionLimits, load: AdmissionLoad, bytes: number): Admission {
  const free = load.running < limits.maxRunning && load.tenantRunning < limits.maxRunningPerTenant;
  // Executions that wait although there is room belong to tenants at their own limit, or to busy sessions.
  if (free && !load.serialKeyBusy) return 'run';
  if (load.tenantWaiting >= limits.maxWaitingPerTenant) return { refused: limits.maxWaitingPerTenant };
  if (load.waiting >= limits.maxWaiting || load.waitingBytes + bytes > limits.maxWaitingBytes) {
    return { refused: Math.min(load.waiting, limits.maxWaiting) };
  }
  return 'wait';
}

export interface TenantLoad<Tenant> {
  readonly tenant: Tenant;
  readonly running: number;
  /** How many of its executions could start now. */
  readonly ready: number;
}

/** The tenant whose turn it is: the first in `rotation`, least recently served first, with a ready execution below its limit. */
export function nextTenant<Tenant>(
  limits: AdmissionLimits,
  running: number,
  rotation: Iterable<TenantLoad<Tenant>>,
): Tenant | undefined {
  if (running >= limits.maxRunning) return undefined;
  for (const load of rotation) {
    if (load.ready > 0 && load.running < limits.maxRunningPerTenant) return load.tenant;
  }
  return undefined;
}

/** When to retry: about when half of the queue has drained, at the recent pace; 1 to 60 seconds. */
export function retryAfterSeconds(waiting: number, finishedPerSecond: number): number {
  const seconds = Math.ceil(waiting / 2 / Math.max(finishedPerSecond, 1));
  return Math.min(Math.max(seconds, 1), 60);
}
