import multipart from '@fastify/multipart';
import { CaissonError, parseWorkspacePath, uploadedFiles } from '@caisson/protocol/api';
import type { SessionId, WorkspacePath } from '@caisson/protocol/api';
import type { FileEntry } from '@caisson/protocol/ports';
import type { FastifyRequest } from 'fastify';
import { problems } from '../answers/execution-answers.ts';
import { callerSignal } from '../requests/caller.ts';
import { fileEntryOf, withIdleLimit } from '../answers/file-bodies.ts';
import { formParts } from '../requests/form-parts.ts';
import type { Api } from '../api.ts';
import type { Services } from '../services.ts';
import { sessionParams } from './sessions.ts';

const MAX_FILES = 1000;
const MAX_FIELDS = 10;
const MAX_FIELD_BYTES = 4096;

export async function uploadRoute(api: Api, services: Services): Promise<void> {
  await api.register(async (form) => {
    form.removeAllContentTypeParsers();
    form.addContentTypeParser('*', (request: FastifyRequest) => {
      const contentType = request.headers['content-type'] ?? '';
      return Promise.reject(
        new CaissonError('unsupported_media_type', { contentType, expected: 'multipart/form-data' }),
      );
    });
    await form.register(multipart, {
      // Files are streamed to the workspace, whose size limits them.
      limits: {
        files: MAX_FILES,
        fields: MAX_FIELDS,
        parts: MAX_FILES + MAX_FIELDS,
        fieldSize: MAX_FIELD_BYTES,
        fileSize: Infinity,
      },
      throwFileSizeLimit: false,
    });
    (form as Api).route({
      method: 'POST',
      url: '/sessions/:session_id/files/upload',
      schema: {
        summary: 'Upload files as multipart/form-data',
        description: 'The field `path`, sent before the files, names the target directory.',
        tags: ['files'],
        consumes: ['multipart/form-data'],
        params: sessionParams,
        response: { 201: uploadedFiles, ...problems },
      },
      handler: async (request, reply) => {
        if (!request.isMultipart()) {
          const contentType = request.headers['content-type'] ?? '';
          throw new CaissonError('unsupported_media_type', { contentType, expected: 'multipart/form-data' });
        }
        const entries = await receiveForm(services, request, request.params.session_id, callerSignal(reply));
        if (entries.length === 0) throw invalid('body', 'must contain at least one file');
        return reply.code(201).send({ files: entries.map(fileEntryOf) });
      },
    });
  });
}

/** Writes the files of the form into the session's workspace. */
async function receiveForm(
  services: Services,
  request: FastifyRequest,
  sessionId: SessionId,
  gone: AbortSignal,
): Promise<FileEntry[]> {
  const { principal: caller } = request;
  const { bodyTimeoutMs } = services.config;
  using transfer = services.files.beginTransfer(caller);
  transfer satisfies Disposable;
  const write = await services.files.writer(caller, sessionId, gone);
  return await writeForm(
    request,
    bodyTimeoutMs,
    async (path, chunks) => (await write(path, withIdleLimit(chunks, bodyTimeoutMs))).entry,
  );
}

type WriteFile = (path: WorkspacePath, chunks: AsyncIterable<Buffer>) => Promise<FileEntry>;

async function writeForm(request: FastifyRequest, partMs: number, write: WriteFile): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  let directory = '';
  for await (const part of formParts(request, partMs)) {
    if (part.type === 'file') {
      entries.push(await write(pathOf(directory, part.filename), part.chunks));
    } else if (part.fieldname === 'path') {
      if (typeof part.value !== 'string' || part.valueTruncated) throw invalid('path', 'must be a path');
      directory = checked('path', part.value);
    } else {
      const name = part.fieldname?.slice(0, 100) ?? '';
      throw invalid(name === '' ? 'name' : name, 'is not a field of this request');
    }
  }
  return entries;
}

/** `filename` can be missing, despite the parser's type. */
function pathOf(directory: string, filename: string | undefined): WorkspacePath {
  if (filename === undefined) throw invalid('filename', 'must be given for each file');
  const name = checked('filename', filename);
  if (name === '' || name.includes('/')) throw invalid('filename', 'must be the name of a file');
  return checked('path', directory === '' ? name : `${directory}/${name}`);
}

function checked(field: string, text: string): WorkspacePath {
  const parsed = parseWorkspacePath(text);
  if ('path' in parsed) return parsed.path;
  throw invalid(field, parsed.problem);
}

function invalid(field: string, message: string): CaissonError {
  return new CaissonError('validation_failed', { fields: [{ field, message }] });
}
