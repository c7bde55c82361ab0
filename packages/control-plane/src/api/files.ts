import { fileEntry, fileList, fileListQuery, isCaissonError, workspacePath } from '@caisson/protocol';
import type { FileEntry, Files, SessionId, TenantId, WorkspacePath } from '@caisson/protocol';
import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { fileChanged } from '../audit/records.ts';
import type { FileAction, FileDetails } from '../audit/records.ts';
import type { Principal } from '../store/tenants.ts';
import { problems } from './answers.ts';
import { callerSignal } from './caller.ts';
import { attachment, chunksOf, exactly, fileEntryOf, withIdleLimit } from './file-bodies.ts';
import { keyOfCursor, pageOf } from './paging.ts';
import type { Api } from './server.ts';
import type { Services } from './services.ts';
import { sessionParams } from './sessions.ts';

const tags = ['files'];
const url = '/sessions/:session_id/files/*';
const params = sessionParams.extend({ '*': workspacePath });
/** For what does not depend on the size of a file. */
const SHORT_MS = 30_000;

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

/** Ends when the caller goes away, or after thirty seconds. */
function shortly(reply: FastifyReply): AbortSignal {
  return AbortSignal.any([callerSignal(reply), AbortSignal.timeout(SHORT_MS)]);
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
      return withFiles(services, request.principal.tenantId, request.params.session_id, async (files) => {
        const entries = await files.list(path, page, shortly(reply));
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
      const { tenantId } = request.principal;
      const { session_id: sessionId, '*': path } = request.params;
      const { entry, body } = await withFiles(services, tenantId, sessionId, (files) =>
        files.read(path, callerSignal(reply)),
      );
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
      const { tenantId } = request.principal;
      const { session_id: sessionId, '*': path } = request.params;
      const entry = await withFiles(services, tenantId, sessionId, (files) =>
        files.stat(path, shortly(reply)),
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
    handler: (request, reply) => {
      const { session_id: sessionId, '*': path } = request.params;
      const body = request.body instanceof Readable ? request.body : Readable.from([]);
      const { principal: caller } = request;
      services.storage.assertWorking();
      return withFiles(services, caller.tenantId, sessionId, async (files) => {
        const known = await exists(files, path, shortly(reply));
        const limited = withIdleLimit(chunksOf(body), services.config.bodyTimeoutMs);
        const entry = await files.write(path, limited, callerSignal(reply));
        await recordFile(services, caller, sessionId, 'file.written', { path, size_bytes: entry.sizeBytes });
        return reply.code(known ? 200 : 201).send(fileEntryOf(entry));
      });
    },
  });
}

async function exists(files: Files, path: WorkspacePath, signal: AbortSignal): Promise<boolean> {
  try {
    await files.stat(path, signal);
    return true;
  } catch (error) {
    if (isCaissonError(error, 'file_not_found')) return false;
    throw error;
  }
}

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
      await withFiles(services, caller.tenantId, sessionId, (files) => files.delete(path, shortly(reply)));
      await recordFile(services, caller, sessionId, 'file.deleted', { path });
      return reply.code(204).send();
    },
  });
}
