import type { Readable } from 'node:stream';
import type { JsonText } from '../json/json-text.ts';
import type { ExecutionId, SessionId } from '../ids.ts';
import type { Language } from '../languages.ts';
import type { WorkspacePath } from '../paths/workspace-path.ts';
import type { Processes } from './processes.ts';
import type { StepOutcome } from './step-outcome.ts';

/**
 * What can be done inside one sandbox; a sandbox composes it. The agent may run in another process, so every call is
 * asynchronous. Ports of the sandbox are not forwarded.
 */
export interface Agent {
  readonly steps: Steps;
  readonly files: Files;
  readonly processes: Processes;
}

/** Runs code in the kernels of one sandbox, one step after the other. `SessionEngine` implements it. */
export interface Steps {
  /**
   * Runs one step in the kernel of `request.language`, which is started if it is not there. Never throws for what the
   * code does: that is the outcome. The deadline counts from the call; an abort of `signal` cancels, and its reason is a
   * `Cancellation`.
   * @throws CaissonError `sandbox_lost` if the sandbox is gone; what `events` throws
   */
  run(request: StepRequest, events: EventSink, signal: AbortSignal): Promise<StepOutcome>;
  /** Starts the kernel of `language` unless it runs, and resolves when it is ready for a step. */
  prewarm(language: Language, signal: AbortSignal): Promise<void>;
  /**
   * Adds `env` to the environment of every kernel, also of those that run: they keep it from their next step on, as if they
   * had started with it. To be called before the first step, for code may have set its own variables since.
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
  /** All of standard input; `null` is the same as an empty one. */
  readonly stdin: string | null;
  /** Given to `handler`, if the code defines one. */
  readonly event: JsonText;
  /** How much of each of stdout and stderr is kept, in bytes. */
  readonly outputLimitBytes: number;
}

/** Takes events in their order. While what it returned is pending, no more of that stream is read from the process. */
export type EventSink = (event: OutputEvent) => Promise<void> | undefined;

export type OutputEvent =
  | { readonly type: 'stdout'; readonly text: string }
  | { readonly type: 'stderr'; readonly text: string }
  | { readonly type: 'result'; readonly bundle: MimeBundle }
  /** The stream reached `outputLimitBytes`; what follows is dropped. */
  | { readonly type: 'truncated'; readonly stream: 'stdout' | 'stderr' }
  /** The kernel was killed; the next step starts a fresh one, without the state. */
  | { readonly type: 'kernel_restarted' };

/** JSON object: one value in several forms, by MIME type, as in Jupyter's `display_data`; binary ones are base64. */
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
  /** Whether there was something else of this name. Of several writers of a new name, exactly one is told `false`. */
  readonly replaced: boolean;
}

/**
 * The files below `/workspace`. No link that was planted there leads out of it. All throw `CaissonError`:
 * `file_not_found`, `not_a_directory`, `is_a_directory`, `not_a_regular_file`, `path_outside_workspace`,
 * `file_busy`, `workspace_full`, and `sandbox_lost` where the workspace is gone.
 */
export interface Files {
  /** The entry at `path`; a link in the last place is followed. */
  stat(path: WorkspacePath, signal: AbortSignal): Promise<FileEntry>;
  /** The entries of a directory in the order of their names' bytes, after the name `after`, `limit` at most. */
  list(
    path: WorkspacePath,
    page: { after: string; limit: number },
    signal: AbortSignal,
  ): Promise<FileEntry[]>;
  /** The bytes of a regular file. The caller destroys `body`. */
  read(path: WorkspacePath, signal: AbortSignal): Promise<{ entry: FileEntry; body: Readable }>;
  /** Writes a file whole or not at all, makes the directories above it, and gives it to the sandbox's user. */
  write(path: WorkspacePath, body: Readable, signal: AbortSignal): Promise<WrittenFile>;
  /** Deletes a file, a link or a directory with all that is in it. */
  delete(path: WorkspacePath, signal: AbortSignal): Promise<void>;
}
