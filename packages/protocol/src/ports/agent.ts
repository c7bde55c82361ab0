import type { Readable } from 'node:stream';
import type { JsonText } from '../json/json-text.ts';
import type { ExecutionId, SessionId } from '../ids.ts';
import type { Language } from '../languages.ts';
import type { WorkspacePath } from '../paths/workspace-path.ts';
import type { Processes } from './processes.ts';
import type { StepOutcome } from './step-outcome.ts';

/**
 * Operations inside one sandbox. The agent may run in another process, so every call is asynchronous. Network ports of the
 * sandbox are not forwarded.
 */
export interface Agent {
  readonly steps: Steps;
  readonly files: Files;
  readonly processes: Processes;
}

/** Runs code in the kernels of one sandbox, one step at a time. Implemented by `SessionEngine`. */
export interface Steps {
  /**
   * Runs one step in the kernel of `request.language`, starting it if needed. Errors of the code are an outcome, never thrown.
   * The deadline counts from the call; aborting `signal` cancels, with a `Cancellation` as the reason.
   * @throws CaissonError `sandbox_lost` if the sandbox is gone; also whatever `events` throws
   */
  run(request: StepRequest, events: EventSink, signal: AbortSignal): Promise<StepOutcome>;
  /** Starts the kernel of `language` unless it is running; resolves when it is ready for a step. */
  prewarm(language: Language, signal: AbortSignal): Promise<void>;
  /**
   * Adds `env` to the environment of every kernel, as if they had started with it; running ones have it from their next step on.
   * Call it before the first step: later it could overwrite variables that code has set.
   */
  adoptEnvironment(env: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
}

export interface StepRequest {
  readonly executionId: ExecutionId;
  /** `null` for a job. */
  readonly sessionId: SessionId | null;
  readonly language: Language;
  readonly code: string;
  readonly timeoutMs: number;
  /** Set in the kernel for this step only. */
  readonly env: Readonly<Record<string, string>>;
  /** Complete standard input; `null` means empty. */
  readonly stdin: string | null;
  /** Argument of `handler`, if the code defines one. */
  readonly event: JsonText;
  /** Limit for stdout and for stderr each, in bytes. */
  readonly outputLimitBytes: number;
}

/** Takes events in order. While the returned promise is pending, no more of that stream is read from the process. */
export type EventSink = (event: OutputEvent) => Promise<void> | undefined;

export type OutputEvent =
  | { readonly type: 'stdout'; readonly text: string }
  | { readonly type: 'stderr'; readonly text: string }
  | { readonly type: 'result'; readonly bundle: MimeBundle }
  /** The stream reached `outputLimitBytes`; the rest is dropped. */
  | { readonly type: 'truncated'; readonly stream: 'stdout' | 'stderr' }
  /** The kernel was killed; the next step starts a new one without the state. */
  | { readonly type: 'kernel_restarted' };

/** JSON object: one value in several formats by MIME type, as in Jupyter's `display_data`; binary formats are base64. */
export type MimeBundle = JsonText;

export interface FileEntry {
  /** Relative to the workspace. */
  readonly path: WorkspacePath;
  readonly name: string;
  readonly type: 'file' | 'directory' | 'link' | 'other';
  readonly sizeBytes: number;
  /** Permission bits. */
  readonly mode: number;
  readonly modifiedAt: Date;
}

export interface WrittenFile {
  readonly entry: FileEntry;
  /** Whether the name existed before. Of several writers of a new name, exactly one gets `false`. */
  readonly replaced: boolean;
}

/**
 * Files below `/workspace`. Links planted there never lead out of it. All methods throw `CaissonError`:
 * `file_not_found`, `not_a_directory`, `is_a_directory`, `not_a_regular_file`, `path_outside_workspace`,
 * `file_busy`, `workspace_full`, and `sandbox_lost` if the workspace is gone.
 */
export interface Files {
  /** The entry at `path`; a link as the last component is followed. */
  stat(path: WorkspacePath, signal: AbortSignal): Promise<FileEntry>;
  /** Up to `limit` entries of a directory after the name `after`, in the byte order of their names. */
  list(
    path: WorkspacePath,
    page: { after: string; limit: number },
    signal: AbortSignal,
  ): Promise<FileEntry[]>;
  /** The bytes of a regular file. The caller destroys `body`. */
  read(path: WorkspacePath, signal: AbortSignal): Promise<{ entry: FileEntry; body: Readable }>;
  /** Writes a file atomically, owned by the sandbox's user, and creates missing parent directories. */
  write(path: WorkspacePath, body: Readable, signal: AbortSignal): Promise<WrittenFile>;
  /** Deletes a file, a link, or a directory with its contents. */
  delete(path: WorkspacePath, signal: AbortSignal): Promise<void>;
}
