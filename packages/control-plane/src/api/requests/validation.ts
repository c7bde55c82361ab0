import { CaissonError } from '@caisson/protocol/api';
import type { FieldProblem } from '@caisson/protocol/api';
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';

const MAX_PROBLEMS = 20;
const MAX_QUOTED_CHARACTERS = 200;

/** Validates a part of a request by its zod schema; a malformed id in the path is answered like an unknown one. */
export const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const fallback = httpPart === 'querystring' ? 'query' : (httpPart ?? 'body');
  return (data: unknown) => {
    // A missing body counts as an empty object: some requests have only optional fields.
    const result = schema.safeParse(httpPart === 'body' ? (data ?? {}) : data);
    if (result.success) return { value: result.data };
    return { error: errorOf(result.error, fallback, data) };
  };
};

function errorOf(error: z.ZodError, part: string, data: unknown): CaissonError {
  if (part === 'params') {
    const name = error.issues[0]?.path[0];
    const id = shortened(String(field(data, name ?? '')));
    if (name === 'session_id') return new CaissonError('session_not_found', { id });
    if (name === 'execution_id') return new CaissonError('execution_not_found', { id });
    return new CaissonError('validation_failed', {
      fields: error.issues.map(({ message }) => ({ field: 'path', message })),
    });
  }
  return new CaissonError('validation_failed', {
    fields: error.issues.flatMap((issue) => fieldProblems(issue, part)).slice(0, MAX_PROBLEMS),
  });
}

function fieldProblems(issue: z.core.$ZodIssue, part: string): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: shortened([...issue.path, key].join('.')),
      message: 'is not a field of this request',
    }));
  }
  const name = shortened(issue.path.join('.')) || part;
  if (issue.code === 'invalid_key') {
    const message = issue.issues[0]?.message ?? issue.message;
    return [{ field: name, message: `the name ${message}` }];
  }
  return [{ field: name, message: shortened(issue.message) }];
}

function field(data: unknown, name: PropertyKey): unknown {
  return typeof data === 'object' && data !== null ? Reflect.get(data, name) : undefined;
}

function shortened(text: string): string {
  return text.length > MAX_QUOTED_CHARACTERS ? `${text.slice(0, MAX_QUOTED_CHARACTERS)}…` : text;
}
