import type { JsonText } from '@caisson/protocol/ports';

export interface StepFrame {
  readonly nonce: string;
  readonly code: string;
  readonly stdin: string;
  readonly event: JsonText;
  readonly executionId: string;
  /** `''` for a job. */
  readonly sessionId: string;
  readonly remainingMs: number;
  readonly memoryLimitBytes: number | undefined;
  /** Set permanently, before those of the step. */
  readonly adoptedEnv: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * One line for the kernel: an object of strings in a fixed order, in which a `"` within a string is always
 * written as `\u0022`. It is JSON, and a language without a JSON parser can still split it at the quotes.
 */
export function encodeStepFrame(frame: StepFrame): string {
  const adopted = Object.entries(frame.adoptedEnv).flat();
  const env = [...adopted, ...Object.entries(frame.env).flat()].map(quote);
  return `{"type":"step","nonce":${quote(frame.nonce)},"code":${quote(frame.code)},"stdin":${quote(frame.stdin)},\
"event":${quote(frame.event)},"execution_id":${quote(frame.executionId)},\
"session_id":${quote(frame.sessionId)},"remaining_ms":"${Math.max(0, Math.round(frame.remainingMs))}",\
"memory_limit_bytes":"${frame.memoryLimitBytes ?? ''}","adopted":"${adopted.length}","env":[${env.join(',')}]}\n`;
}

function quote(text: string): string {
  const quoted = JSON.stringify(text);
  return `"${quoted.slice(1, -1).replaceAll('\\"', '\\u0022')}"`;
}
