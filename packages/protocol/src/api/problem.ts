import { z } from 'zod';
import { ERROR_KINDS } from '../errors.ts';
import type { CaissonError, ErrorCode } from '../errors.ts';

/** The body of every error: problem details (RFC 9457), content type `application/problem+json`. */
export const problemSchema = z
  .object({
    type: z
      .string()
      .meta({ description: 'URI reference of the type of problem', example: '/docs/errors#queue_full' }),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'Stable name of the type of problem', example: 'queue_full' }),
    detail: z.string().meta({ description: 'What is wrong, beginning with the field' }),
    suggestion: z.string().optional().meta({ description: 'How to solve the problem' }),
    errors: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'Invalid fields' }),
    request_id: z.string().optional(),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457)' });
export type Problem = z.output<typeof problemSchema>;

/** The problem that a caller gets for `error`. */
export function toProblem<Code extends ErrorCode>(error: CaissonError<Code>, requestId?: string): Problem {
  const kind = ERROR_KINDS[error.code];
  const suggestion = kind.suggestion?.(error.context);
  return {
    type: `/docs/errors#${error.code}`,
    title: kind.title,
    status: kind.status,
    code: error.code,
    detail: kind.detail(error.context),
    ...(suggestion !== undefined && { suggestion }),
    ...('fields' in error.context && { errors: [...error.context.fields] }),
    ...(requestId !== undefined && { request_id: requestId }),
  };
}
