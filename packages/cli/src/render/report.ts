import type { ExecutionResult } from '@caisson/protocol/api';
import type { CodeError } from '@caisson/protocol/ports';

/**
 * Why an execution did not succeed, with the traceback of an uncaught exception; `undefined` if it succeeded or exited by
 * itself.
 */
export function renderEnding(result: ExecutionResult): string | undefined {
  const { status, reason, error, kernel_restarted: restarted } = result;
  const lost = restarted ? '; the session lost its state' : '';
  switch (reason) {
    case null:
      return undefined;
    case 'exception':
      return error === null ? undefined : renderError(error);
    case 'exit_code':
      return undefined;
    case 'timeout':
      return `caisson: time limit reached, code stopped${lost}\n`;
    case 'out_of_memory':
      return `caisson: memory limit reached, code killed${lost}\n`;
    case 'kernel_crashed':
      return `caisson: kernel crashed${lost}\n`;
    case 'cancelled':
      return `caisson: cancelled${lost}\n`;
    case 'session_terminated':
    case 'shutdown':
    case 'sandbox_lost':
    case 'sandbox_unavailable':
    case 'insufficient_capacity':
    default:
      return `caisson: execution ${status}: ${reason.replaceAll('_', ' ')}\n`;
  }
}

/** The traceback as the language prints it, which ends with the error; some errors have no traceback. */
function renderError({ name, message, traceback }: CodeError): string {
  const lines = traceback.length > 0 ? traceback : [`${name}: ${message}`];
  return lines.map((line) => (line.endsWith('\n') ? line : `${line}\n`)).join('');
}

/** Where an execution ran and how long it took. */
export function renderReport(result: ExecutionResult, totalMs: number): string {
  const { metrics, runtime, isolation, isolation_scope: scope, template_id: template } = result;
  const rows: [string, string | null][] = [
    ['execution', result.execution_id],
    ['status', result.reason === null ? result.status : `${result.status} (${result.reason})`],
    ['isolation', isolation && `${isolation} (runtime ${runtime ?? 'unknown'}, scope ${scope ?? 'unknown'})`],
    ['template', `${template}, ${result.language}`],
    ['duration', timesOf(metrics.duration_ms, metrics.queue_ms, totalMs)],
    ['cpu', metrics.cpu_ms === null ? null : milliseconds(metrics.cpu_ms)],
    ['peak memory', metrics.peak_memory_bytes === null ? null : mebibytes(metrics.peak_memory_bytes)],
  ];
  return rows
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${`${name}:`.padEnd(13)}${value ?? ''}\n`)
    .join('');
}

function timesOf(durationMs: number | null, queueMs: number | null, totalMs: number): string {
  const parts = [
    durationMs === null ? undefined : milliseconds(durationMs),
    queueMs === null ? undefined : `${milliseconds(queueMs)} in the queue`,
    `${milliseconds(totalMs)} from request to result`,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

function milliseconds(ms: number): string {
  return `${ms >= 100 ? Math.round(ms) : Math.round(ms * 10) / 10} ms`;
}

function mebibytes(bytes: number): string {
  return `${Math.round((bytes / 2 ** 20) * 10) / 10} MiB`;
}
