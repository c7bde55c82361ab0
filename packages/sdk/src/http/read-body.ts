import { ApiError } from '../api-error.ts';

/** The chunks of `body`, which is cancelled where they are not read to the end. */
export async function* chunksOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  // Not the iterator of the stream: not every browser has one.
  const reader = body.getReader();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      ended = done;
      if (done) return;
      yield value;
    }
  } finally {
    // Not awaited: a source that is stuck would be stuck here too.
    if (!ended) reader.cancel().catch(() => undefined);
  }
}

/** @throws ApiError `response_too_large` */
export async function readBytes(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(response.body)) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new ApiError('response_too_large', `the answer is larger than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The JSON of an answer. @throws ApiError `response_too_large`, `unexpected_response` */
export async function readJson(response: Response, maxBytes: number): Promise<unknown> {
  const text = new TextDecoder().decode(await readBytes(response, maxBytes));
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ApiError('unexpected_response', 'the server did not answer with JSON; is it Caisson?', {
      cause: error,
    });
  }
}
