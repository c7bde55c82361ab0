import {
  CaissonError,
  fileEntry,
  fileList,
  fileListQuery,
  isCaissonError,
  WORKSPACE_DIRECTORY,
  workspacePath,
} from '@caisson/protocol';
import type { ErrorCode, FileEntry, Files, SessionId, TenantId, WorkspacePath } from '@caisson/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { finished, Readable } from 'node:stream';
import { z } from 'zod';
import { fileChanged } from '../../audit/records.ts';
import type { FileAction, FileDetails } from '../../audit/records.ts';
import type { Principal } from '../../model/principal.ts';
import { problems } from '../answers/execution-answers.ts';
import { callerSignal } from '../requests/caller.ts';
import { attachment, chunksOf, exactly, fileEntryOf, withIdleLimit } from '../answers/file-bodies.ts';
import { keyOfCursor, pageOf } from '../answers/paging.ts';
import type { Api } from '../api.ts';
import type { Services } from '../services.ts';
import { sessionParams } from './sessions.ts';

const tags = ['files'];
const url = '/sessions/:session_id/files/*';
const params = sessionParams.extend({ '*': workspacePath });

export async function fileRoutes(api: Api, services: Services): Promise<void> {
  listRoute(api, services);
  downloadRoutes(api, services);
  deleteRoute(api, services);
  // Bodies of any type are taken as they are here, JSON too.
  await api.register((raw) => {
    raw.removeAllContentTypeParsers();
    raw.addContentTypeParser('*', (_request, payload, done) => {
      done(null, payload);
    });
    writeRoute(raw, services);
    return Promise.resolve();
  });
}

/** Calls `act` with the files of a running session. */
export function withFiles<Result>(
  { sessions }: Services,
  tenantId: TenantId,
  sessionId: SessionId,
  act: (files: Files) => Promise<Result>,
): Promise<Result> {
  return sessions.use(tenantId, sessionId, ({ agent }) => act(agent.files));
}

/** Puts a change to a file into the audit trail, once it has happened. */
export function recordFile(
  { audit, clock, storage }: Services,
  caller: Principal,
  sessionId: SessionId,
  action: FileAction,
  details: FileDetails,
): Promise<void> {
  const record = fileChanged(caller, sessionId, action, details, clock.nowMs());
  return storage.orLater(() => audit.append(record));
}

interface Operation {
  readonly caller: Principal;
  readonly sessionId: SessionId;
  readonly action: 'list' | 'read' | 'delete';
  readonly path: WorkspacePath;
}

/**
 * Calls `act` when it is the session's turn, with a signal that ends it in time, or when `gone` aborts.
 * @throws CaissonError `file_operation_unfinished`, `file_operations_limit_reached`, and what `withFiles` throws
 */
async function operate<Result>(
  services: Services,
  { caller: { tenantId }, sessionId, action, path }: Operation,
  gone: AbortSignal,
  act: (files: Files, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { config, fileOperations } = services;
  const deadline = AbortSignal.timeout(config.fileOperationTimeoutMs);
  const signal = AbortSignal.any([gone, deadline]);
  try {
    return await withFiles(services, tenantId, sessionId, async (files) => {
      using turn = new DisposableStack();
      turn.use(await fileOperations.enter(tenantId, sessionId, signal));
      return await act(files, signal);
    });
  } catch (error) {
    if (!deadline.aborted || error !== deadline.reason) throw error;
    const seconds = config.fileOperationTimeoutMs / 1000;
    const shown = path === '' ? WORKSPACE_DIRECTORY : path;
    throw new CaissonError('file_operation_unfinished', { path: shown, action, seconds }, { cause: error });
  }
}

function listRoute(api: Api, services: Services): void {
  api.route({
    method: 'GET',
    url: '/sessions/:session_id/files',
    schema: {
      summary: 'List a directory of the workspace, in the order of the names',
      tags,
      params: sessionParams,
      querystring: fileListQuery,
      response: { 200: fileList, ...problems },
    },
    handler: (request, reply) => {
      const { path, limit, cursor } = request.query;
      const page = { after: keyOfCursor(cursor) ?? '', limit: limit + 1 };
      const { session_id: sessionId } = request.params;
      const operation = { caller: request.principal, sessionId, action: 'list', path } as const;
      return operate(services, operation, callerSignal(reply), async (files, signal) => {
        const entries = await files.list(path, page, signal);
        return pageOf(entries, limit, ({ name }) => name, fileEntryOf);
      });
    },
  });
}

function headersOf(entry: FileEntry): Record<string, string> {
  return {
    'content-type': 'application/octet-stream',
    'content-length': String(entry.sizeBytes),
    'content-disposition': attachment(entry.name),
    'last-modified': entry.modifiedAt.toUTCString(),
    // What tenants wrote may never be taken for a page of this origin.
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': 'no-store',
  };
}

/** Hangs up on a reader that takes nothing for `ms`, which would keep the file open. */
function dropStalledReader(request: FastifyRequest, reply: FastifyReply, ms: number): void {
  reply.raw.setTimeout(ms, () => {
    request.log.info('a download was dropped, for its reader took nothing');
    reply.raw.destroy();
  });
}

function downloadRoutes(api: Api, services: Services): void {
  const bytes = { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } };
  api.route({
    method: 'GET',
    url,
    schema: {
      summary: 'Download a file',
      tags,
      params,
      response: { 200: { description: 'The bytes of the file', content: bytes }, ...problems },
    },
    handler: async (request, reply) => {
      const { principal: caller } = request;
      const { session_id: sessionId, '*': path } = request.params;
      const transfer = services.fileTransfers.begin(caller.tenantId);
      finished(reply.raw, () => {
        transfer[Symbol.dispose]();
      });
      const gone = callerSignal(reply);
      // The reading lasts longer than the operation, whose deadline is for its turn alone.
      const operation = { caller, sessionId, action: 'read', path } as const;
      const { entry, body } = await operate(services, operation, gone, (files) => files.read(path, gone));
      dropStalledReader(request, reply, services.config.stalledReaderMs);
      return reply
        .code(200)
        .headers(headersOf(entry))
        .send(exactly(body, entry.sizeBytes) as unknown as string);
    },
  });
  api.route({
    method: 'HEAD',
    url,
    schema: {
      summary: 'Read the size and time of a file',
      tags,
      params,
      response: { 200: z.undefined().describe('The headers of the download'), ...problems },
    },
    handler: async (request, reply) => {
      const { session_id: sessionId, '*': path } = request.params;
      const operation = { caller: request.principal, sessionId, action: 'read', path } as const;
      const entry = await operate(services, operation, callerSignal(reply), (files, signal) =>
        files.stat(path, signal),
      );
      return reply.code(200).headers(headersOf(entry)).send(undefined);
    },
  });
}

function writeRoute(api: Api, services: Services): void {
  api.route({
    method: 'PUT',
    url,
    schema: {
      summary: 'Write a file: the body is its bytes, of any size and any content type',
      tags,
      params,
      response: { 200: fileEntry.describe('Written over'), 201: fileEntry.describe('Made'), ...problems },
    },
    handler: async (request, reply) => {
      const { session_id: sessionId, '*': path } = request.params;
      const body = request.body instanceof Readable ? request.body : Readable.from([]);
      const { principal: caller } = request;
      services.storage.assertWorking();
      using transfer = new DisposableStack();
      transfer.use(services.fileTransfers.begin(caller.tenantId));
      return await withFiles(services, caller.tenantId, sessionId, async (files) => {
        const gone = callerSignal(reply);
        const limited = withIdleLimit(chunksOf(body), services.config.bodyTimeoutMs);
        const { entry, replaced } = await files.write(path, limited, gone);
        await recordFile(services, caller, sessionId, 'file.written', { path, size_bytes: entry.sizeBytes });
        return reply.code(replaced ? 200 : 201).send(fileEntryOf(entry));
      });
    },
  });
}

/** What is found out before anything of it is deleted. */
const DELETED_NOTHING: readonly ErrorCode[] = [
  'file_not_found',
  'not_a_directory',
  'is_a_directory',
  'path_outside_workspace',
  'sandbox_lost',
];

function deleteRoute(api: Api, services: Services): void {
  api.route({
    method: 'DELETE',
    url,
    schema: {
      summary: 'Delete a file, or a directory with all that is in it',
      tags,
      params,
      response: { 204: z.undefined().describe('It is gone'), ...problems },
    },
    handler: async (request, reply) => {
      const { principal: caller } = request;
      const { session_id: sessionId, '*': path } = request.params;
      services.storage.assertWorking();
      const operation = { caller, sessionId, action: 'delete', path } as const;
      let begun = false as boolean;
      try {
        await operate(services, operation, callerSignal(reply), (files, signal) => {
          begun = true;
          return files.delete(path, signal);
        });
      } catch (error) {
        // Some of a directory may be gone, also where the caller went away meanwhile.
        if (begun && !DELETED_NOTHING.some((code) => isCaissonError(error, code))) {
          await recordFile(services, caller, sessionId, 'file.deleted', { path, reason: 'unfinished' });
        }
        throw error;
      }
      await recordFile(services, caller, sessionId, 'file.deleted', { path });
      return reply.code(204).send();
    },
  });
}
