import { fileEntry, fileList } from '@caisson/protocol/api';
import type { z } from 'zod';
import { withIdleTimeout } from '../events/idle-timeout.ts';
import { readBytes } from '../http/read-body.ts';
import type { ApiRequest, CallOptions, RequestBody, Transport } from '../http/transport.ts';
import { allPages, type Page, type PageQuery, withQuery } from './pages.ts';
import { filePath, sessionPath } from './paths.ts';

/** Limit of a file that is read into memory. */
const MAX_FILE_BYTES = 64 * 2 ** 20;
/** Deadline of a write, whose time depends on the size of the file. */
const WRITE_TIMEOUT_MS = 15 * 60_000;
const SILENCE_MS = 60_000;

export type FileEntry = z.output<typeof fileEntry>;
export type FileBody = RequestBody;

export interface FileListing extends PageQuery {
  /** The directory; default: the workspace itself. */
  readonly path?: string | undefined;
}

export interface Download {
  readonly sizeBytes: number;
  /** Fails if the server is silent for a minute; cancel it if it is not read to the end. */
  readonly body: ReadableStream<Uint8Array>;
}

/** The files below `/workspace` of a session. Paths are relative to it, or begin with it. */
export class Files {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** One page of a directory, in the order of the names. */
  async list(session: string, query: FileListing = {}, options?: CallOptions): Promise<Page<FileEntry>> {
    const path = withQuery(`${sessionPath(session)}/files`, query);
    return this.#transport.json({ method: 'GET', path }, fileList, options);
  }

  /** All entries of a directory, in the order of the names. */
  listAll(session: string, query: FileListing = {}, options?: CallOptions): AsyncGenerator<FileEntry> {
    return allPages(query, (page) => this.list(session, page, options));
  }

  /**
   * The bytes of a file.
   * @param options.maxBytes default 64 MiB; use `download` for larger files
   * @throws ApiError `response_too_large`
   */
  async read(
    session: string,
    path: string,
    options?: CallOptions & { readonly maxBytes?: number | undefined },
  ): Promise<Uint8Array> {
    const maxBytes = options?.maxBytes ?? MAX_FILE_BYTES;
    return this.#transport.call(readRequest(session, path), options, (response) =>
      readBytes(response, maxBytes),
    );
  }

  /** A file as a stream, of any size. The deadline is that of its beginning. */
  async download(session: string, path: string, options?: CallOptions): Promise<Download> {
    return this.#transport.call(readRequest(session, path), options, ({ headers, body }) => ({
      sizeBytes: Number(headers.get('content-length')),
      body: withIdleTimeout(body ?? new Blob([]).stream(), SILENCE_MS),
    }));
  }

  /** Writes a file whole, over the one that is there, and makes the directories above it. Deadline: 15 minutes. */
  async write(session: string, path: string, body: FileBody, options?: CallOptions): Promise<FileEntry> {
    const { signal, timeoutMs = WRITE_TIMEOUT_MS } = options ?? {};
    const request: ApiRequest = { method: 'PUT', path: filePath(session, path), body };
    return this.#transport.json(request, fileEntry, { signal, timeoutMs });
  }

  /** Deletes a file, a link, or a directory with everything in it. */
  async delete(session: string, path: string, options?: CallOptions): Promise<void> {
    await this.#transport.empty({ method: 'DELETE', path: filePath(session, path) }, options);
  }
}

function readRequest(session: string, path: string): ApiRequest {
  return { method: 'GET', path: filePath(session, path) };
}
