/** Bounds of what runs and waits at one time. */
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
  /** Whether another step of the same session runs or waits before it. */
  readonly serialKeyBusy: boolean;
}

export type Admission = 'run' | 'wait' | { readonly refused: number };

/** Whether what arrives now, with a request of `bytes`, runs, waits or is refused, and then which limit it was. */
export function admit(limits: AdmissionLimits, load: AdmissionLoad, bytes: number): Admission {
  const free = load.running < limits.maxRunning && load.tenantRunning < limits.maxRunningPerTenant;
  // What waits although there is room belongs to tenants at their own bound, or to sessions that are busy.
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

/** Whose turn it is: the first of `rotation`, longest unserved first, that may and can start one. */
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

/** Seconds after which another try is worth it: about when half of the queue has gone, at the recent pace. */
export function retryAfterSeconds(waiting: number, finishedPerSecond: number): number {
  const seconds = Math.ceil(waiting / 2 / Math.max(finishedPerSecond, 1));
  return Math.min(Math.max(seconds, 1), 60);
}
