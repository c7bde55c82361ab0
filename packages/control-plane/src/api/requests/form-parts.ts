import type { MultipartFile, MultipartValue } from '@fastify/multipart';
import { CaissonError } from '@caisson/protocol/api';
import type { FastifyRequest } from 'fastify';
import { chunksOf } from '../answers/file-bodies.ts';
import { within } from './within.ts';

/** Limit of RFC 2046; the parser's own limit is higher. */
const MAX_BOUNDARY_CHARACTERS = 70;

/** A part of a form; names that the sender left out are `undefined`, despite the parser's types. */
export type FormPart =
  | { readonly type: 'file'; readonly filename: string | undefined; readonly chunks: AsyncIterable<Buffer> }
  | (Omit<MultipartValue, 'fieldname'> & { readonly fieldname: string | undefined });

/**
 * The parts of a form, one by one; each file must be read before the next part.
 * @param partMs time limit for the sender between the end of one part and the beginning of the next
 * @throws CaissonError `validation_failed` for any parse error of the form; so do `chunks`
 */
export async function* formParts(request: FastifyRequest, partMs: number): AsyncGenerator<FormPart> {
  requireBoundary(request.headers['content-type'] ?? '');
  const parts = request.parts();
  for (;;) {
    const part = await nextPart(parts, partMs);
    if (part === undefined) return;
    if (part.type === 'field') yield part;
    else yield { type: 'file', filename: part.filename, chunks: chunksIn(part) };
  }
}

async function nextPart(parts: ReturnType<FastifyRequest['parts']>, ms: number) {
  try {
    const next = await within(parts.next(), ms, () => invalid(`the next part did not begin within ${ms} ms`));
    return next.done === true ? undefined : next.value;
  } catch (error) {
    throw asFormError(error);
  }
}

async function* chunksIn({ file }: MultipartFile): AsyncGenerator<Buffer> {
  try {
    yield* chunksOf(file);
  } catch (error) {
    throw asFormError(error);
  }
}

/** Errors with a code are passed on, `problems.ts` knows them: the plugin's limits, and broken connections. */
function asFormError(error: unknown): Error {
  if (error instanceof Error && 'code' in error) return error;
  return invalid('is not a whole form', error);
}

function requireBoundary(contentType: string): void {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]*)"|([^";\s]*))/i.exec(contentType) ?? [];
  const { length } = quoted ?? plain ?? '';
  if (length > 0 && length <= MAX_BOUNDARY_CHARACTERS) return;
  const message = `must have a boundary of 1 to ${MAX_BOUNDARY_CHARACTERS} characters`;
  throw new CaissonError('validation_failed', { fields: [{ field: 'content-type', message }] });
}

function invalid(message: string, cause?: unknown): CaissonError {
  return new CaissonError('validation_failed', { fields: [{ field: 'body', message }] }, { cause });
}
