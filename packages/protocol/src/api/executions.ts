import { z } from 'zod';
import { EXECUTION_REASONS, EXECUTION_STATUSES } from '../states/execution-state.ts';
import { executionId, sessionId } from '../ids.ts';
import { isolation, isolationScope, RUNTIMES } from '../isolation.ts';
import { jsonValue } from '../json/json-value.ts';
import { language } from '../languages.ts';
import { envVars, page, pageQuery, plainText, resources, seconds, timestamp } from './common.ts';

export const MAX_CODE_CHARACTERS = 1024 * 1024;
export const MAX_STDIN_CHARACTERS = 1024 * 1024;
export const DEFAULT_EXECUTION_SECONDS = 30;
export const MAX_EXECUTION_SECONDS = 3600;

const code = plainText(MAX_CODE_CHARACTERS).meta({
  description:
    'Source code. A function `handler(event)` or `handler(event, context)` is called if the code defines one.',
  example: 'def handler(event):\n    return {"result": "hello world"}',
});

const step = {
  code,
  language: language.optional().meta({ description: 'Default: the first language of the template' }),
  timeout: seconds({ min: 0.1, max: MAX_EXECUTION_SECONDS })
    .default(DEFAULT_EXECUTION_SECONDS)
    .meta({ description: 'Seconds until the code is interrupted; it is killed one second later' }),
  env_vars: envVars.default({}),
  stdin: plainText(MAX_STDIN_CHARACTERS).nullish().meta({ description: 'Standard input' }),
  event: jsonValue.optional().meta({ description: 'Argument of `handler`; default {}' }),
};

/** Body of `POST /sessions/{id}/execute`. */
export const executeRequest = z.strictObject(step).meta({ id: 'ExecuteRequest' });
export type ExecuteRequest = z.output<typeof executeRequest>;

/** Body of `POST /jobs`. */
export const jobRequest = z
  .strictObject({
    ...step,
    template_id: plainText(128)
      .optional()
      .meta({ description: 'Default: the template of the language', example: 'python' }),
    isolation: isolation.default('container'),
    isolation_scope: isolationScope.optional().meta({
      description: '`sandbox` gives the job a sandbox of its own; default: the fastest scope available',
    }),
    resources: resources.optional(),
  })
  .meta({ id: 'JobRequest' });
export type JobRequest = z.output<typeof jobRequest>;

export const mimeBundle = z.record(z.string(), jsonValue).meta({
  id: 'MimeBundle',
  description: 'One value in several formats, by MIME type; binary formats are base64',
});

export const codeError = z
  .object({
    name: z.string().meta({ example: 'ZeroDivisionError' }),
    message: z.string(),
    traceback: z
      .array(z.string())
      .meta({ description: "Stack frames of the caller's code, as the language prints them" }),
  })
  .meta({ id: 'CodeError' });

const metrics = z
  .object({
    queue_ms: z.number().nullable(),
    duration_ms: z.number().nullable(),
    cpu_ms: z.number().nullable(),
    peak_memory_bytes: z.number().nullable(),
  })
  .meta({ id: 'ExecutionMetrics' });

/** An execution without its output. */
export const executionSummary = z
  .object({
    execution_id: executionId,
    session_id: sessionId.nullable().meta({ description: 'null for a job' }),
    status: z.enum(EXECUTION_STATUSES),
    reason: z
      .enum(EXECUTION_REASONS)
      .nullable()
      .meta({ description: 'Why it did not succeed; null if it did, or has not finished' }),
    language,
    template_id: z.string(),
    runtime: z.enum(RUNTIMES).nullable(),
    isolation: isolation.nullable(),
    isolation_scope: isolationScope.nullable(),
    metrics,
    created_at: timestamp,
    started_at: timestamp.nullable(),
    finished_at: timestamp.nullable(),
  })
  .meta({ id: 'ExecutionSummary' });
export type ExecutionSummary = z.output<typeof executionSummary>;

/** An execution with its output and results. */
export const executionResult = executionSummary
  .extend({
    stdout: z.string(),
    stderr: z.string(),
    truncated: z.boolean().meta({ description: 'Whether output was cut off at the limit' }),
    exit_code: z.int().nullable(),
    return_value: jsonValue.nullable().meta({ description: 'Return value of `handler`' }),
    results: z.array(mimeBundle).meta({ description: 'Rich results, as in a notebook' }),
    error: codeError.nullable(),
    kernel_restarted: z.boolean().meta({ description: 'Whether the session lost its state' }),
    artifacts: z.array(z.never()).meta({ description: 'Reserved; always empty' }),
  })
  .meta({ id: 'Execution' });
export type ExecutionResult = z.output<typeof executionResult>;

export const executionStatusView = executionSummary
  .pick({ execution_id: true, status: true, reason: true })
  .meta({ id: 'ExecutionStatus' });

export const executionLogs = z
  .object({ execution_id: executionId, stdout: z.string(), stderr: z.string(), truncated: z.boolean() })
  .meta({ id: 'ExecutionLogs' });

export const executionList = page(executionSummary).meta({ id: 'ExecutionList' });
export const executionListQuery = pageQuery.extend({ status: z.enum(EXECUTION_STATUSES).optional() });
