import { fileEntry, fileList, fileListQuery, workspacePath } from '@caisson/protocol/api';
import type { FileEntry } from '@caisson/protocol/ports';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { finished, Readable } from 'node:stream';
import { z } from 'zod';
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
  // Bodies of any type are passed through unparsed here, JSON too.
  await api.register((raw) => {
    raw.removeAllContentTypeParsers();
    raw.addContentTypeParser('*', (_request, payload, done) => {
      done(null, payload);
    });
    writeRoute(raw, services);
    return Promise.resolve();
  });
}

function listRoute(api: Api, services: Services): void {
  api.route({
    method: 'GET',
    url: '/sessions/:session_id/files',
    schema: {
      summary: 'List a directory of the workspace, sorted by name',
      tags,
      params: sessionParams,
      querystring: fileListQuery,
      response: { 200: fileList, ...problems },
    },
    handler: async (request, reply) => {
      const { path, limit, cursor } = request.query;
      const page = { after: keyOfCursor(cursor) ?? '', limit: limit + 1 };
      const { session_id: sessionId } = request.params;
      const gone = callerSignal(reply);
      const entries = await services.files.list(request.principal, sessionId, path, page, gone);
      return pageOf(entries, limit, ({ name }) => name, fileEntryOf);
    },
  });
}

function headersOf(entry: FileEntry): Record<string, string> {
  return {
    'content-type': 'application/octet-stream',
    'content-length': String(entry.sizeBytes),
    'content-disposition': attachment(entry.name),
    'last-modified': entry.modifiedAt.toUTCString(),
    // Browsers must never render a tenant's file as a page of this origin.
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': 'no-store',
  };
}

/** Disconnects a reader that reads nothing for `ms`, since it keeps the file open. */
function dropStalledReader(request: FastifyRequest, reply: FastifyReply, ms: number): void {
  reply.raw.setTimeout(ms, () => {
    request.log.info('download dropped: reader stalled');
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
      response: { 200: { description: 'Content of the file', content: bytes }, ...problems },
    },
    handler: async (request, reply) => {
      const { principal: caller } = request;
      const { session_id: sessionId, '*': path } = request.params;
      const transfer = services.files.beginTransfer(caller);
      finished(reply.raw, () => {
        transfer[Symbol.dispose]();
      });
      const { entry, body } = await services.files.read(caller, sessionId, path, callerSignal(reply));
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
      summary: 'Get the size and modification time of a file',
      tags,
      params,
      response: { 200: z.undefined().describe('Headers of the download'), ...problems },
    },
    handler: async (request, reply) => {
      const { session_id: sessionId, '*': path } = request.params;
      const entry = await services.files.stat(request.principal, sessionId, path, callerSignal(reply));
      return reply.code(200).headers(headersOf(entry)).send(undefined);
    },
  });
}

function writeRoute(api: Api, services: Services): void {
  api.route({
    method: 'PUT',
    url,
    schema: {
      summary: 'Write a file',
      description:
        'The body is the content of the file, of any size and content type. Missing directories are created.',
      tags,
      params,
      response: {
        200: fileEntry.describe('File replaced'),
        201: fileEntry.describe('File created'),
        ...problems,
      },
    },
    handler: async (request, reply) => {
      const { session_id: sessionId, '*': path } = request.params;
      const body = request.body instanceof Readable ? request.body : Readable.from([]);
      const { principal: caller } = request;
      using transfer = services.files.beginTransfer(caller);
      transfer satisfies Disposable;
      const write = await services.files.writer(caller, sessionId, callerSignal(reply));
      const limited = withIdleLimit(chunksOf(body), services.config.bodyTimeoutMs);
      const { entry, replaced } = await write(path, limited);
      return await reply.code(replaced ? 200 : 201).send(fileEntryOf(entry));
    },
  });
}

function deleteRoute(api: Api, services: Services): void {
  api.route({
    method: 'DELETE',
    url,
    schema: {
      summary: 'Delete a file, or a directory and everything in it',
      tags,
      params,
      response: { 204: z.undefined().describe('Deleted'), ...problems },
    },
    handler: async (request, reply) => {
      const { principal: caller } = request;
      const { session_id: sessionId, '*': path } = request.params;
      await services.files.delete(caller, sessionId, path, callerSignal(reply));
      return reply.code(204).send();
    },
  });
}
