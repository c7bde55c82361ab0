import { createParser, type EventSourceMessage } from 'eventsource-parser';

/**
 * The server-sent events of `chunks`, as they come and not ahead of the reader. An event that `chunks` end in the
 * middle of is dropped, as the standard says.
 * @param limits.maxCharacters of one event
 * @throws Error if an event is larger
 */
export async function* parseEvents(
  chunks: AsyncIterable<Uint8Array>,
  limits: { maxCharacters: number },
): AsyncGenerator<EventSourceMessage> {
  const parsed: EventSourceMessage[] = [];
  const problems: string[] = [];
  const parser = createParser({
    maxBufferSize: limits.maxCharacters,
    onEvent: (event) => parsed.push(event),
    onError: ({ type }) => {
      problems.push(type);
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* parsed.splice(0);
    if (problems.includes('max-buffer-size-exceeded'))
      throw new Error(`an event is larger than ${limits.maxCharacters} characters`);
  }
}
