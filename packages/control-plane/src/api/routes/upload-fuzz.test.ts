import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { problemSchema } from '@caisson/protocol/api';
import fc from 'fast-check';
import { start } from '../../testing/start.ts';
import type { Started } from '../../testing/start.ts';

const RUNS = 400;

let server: Started;
let path: string;

before(async () => {
  server = await start({ config: { bodyTimeoutMs: 500 } });
  const answer = await server.call('POST', '/api/v1/sessions', { json: {} });
  path = `/api/v1/sessions/${((await answer.json()) as { session_id: string }).session_id}/files/upload`;
});

after(() => server[Symbol.asyncDispose]());

interface Form {
  readonly contentType: string;
  /** Sent one by one. */
  readonly chunks: readonly Buffer[];
}

function upload({ contentType, chunks }: Form): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(server.url);
  const headers = { authorization: `Bearer ${server.key}`, 'content-type': contentType };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method: 'POST', path, headers, agent: false }, (answer) => {
      text(answer).then((body) => {
        resolve({ status: answer.statusCode ?? 0, body });
      }, reject);
    });
    sent.once('error', reject);
    for (const chunk of chunks) sent.write(chunk);
    sent.end();
  });
}

/** Asserts that the form was accepted, or refused with the name of a field, but not answered with a server error. */
function assertAnswered({ status, body }: { status: number; body: string }): void {
  if (status === 201) return;
  const { code, detail } = problemSchema.parse(JSON.parse(body));
  assert.ok(status >= 400 && status < 500, `${status} ${code}: ${detail}`);
  assert.match(detail, /^[^]+: /);
}

const DISPOSITIONS = [
  'form-data; name="f"; filename="a.txt"',
  'form-data; name="path"',
  'form-data; name="f"',
  'form-data',
  'form-data; filename="a"',
  'form-data; name=""; filename=""',
  'form-data; name="__proto__"; filename="a"',
  'form-data; name="toString"',
  'form-data; name="f"; filename="../a"',
  'form-data; name="f"; filename=".."',
  'form-data; name="f"; filename="a\0b"',
  'form-data; name="f"; filename="\u00ff\u00fe"',
  "form-data; name=f; filename*=utf-8''%ff%fe",
  "form-data; name=f; filename*=nocharset''a",
  "form-data; name=f; filename*=''",
  'form-data; name; filename',
  'form-data; name="unclosed',
  'attachment; filename="a"',
  '',
  ';;;',
];
const TYPES = [
  'application/octet-stream',
  'text/plain; charset=utf-16le',
  'text/plain; charset=none-such',
  'text/plain; charset',
  'text/plain; charset=',
  'application/json',
  'multipart/mixed; boundary=b',
  '',
  ';',
  '; charset=x',
];
const headerOf = (name: string, values: readonly string[]) =>
  fc
    .option(fc.constantFrom(...values), { nil: undefined })
    .map((value) => (value === undefined ? '' : `${name}: ${value}\r\n`));
const headers = fc
  .tuple(
    headerOf('Content-Disposition', DISPOSITIONS),
    headerOf('Content-Type', TYPES),
    headerOf('Content-Transfer-Encoding', ['base64', '7bit', '', 'none-such']),
    fc.constantFrom('', '', '', ' folded\r\n', 'no colon\r\n', ': empty\r\n', 'a\rb: c\r\n', '\0: x\r\n'),
  )
  .map((lines) => lines.join(''));
const content = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom('', 'in', '../x', 'a/b', '{"a"', '--b', '\r\n--b', 'x'.repeat(5000), '\0')
    .map((one) => Buffer.from(one)),
);
const latin1 = (one: string) => Buffer.from(one, 'latin1');
const part = fc
  .tuple(
    headers,
    fc.constantFrom('\r\n', '\r\n', '\r\n', '', '\n'),
    content,
    fc.constantFrom('\r\n', '\r\n', ''),
  )
  .map(([head, gap, body, end]) => Buffer.concat([latin1(`--b\r\n${head}${gap}`), body, latin1(end)]));
const contentType = fc.constantFrom(
  ...Array.from({ length: 8 }, () => 'multipart/form-data; boundary=b'),
  'multipart/form-data',
  'multipart/form-data; boundary=',
  'multipart/form-data; boundary=""',
  'multipart/form-data; boundary',
  'multipart/form-data; boundary="b',
  'multipart/form-data; boundary=b; boundary=c',
  "multipart/form-data; boundary*=utf-8''b",
  'multipart/form-data boundary=b',
  `multipart/form-data; boundary=${'b'.repeat(300)}`,
  'Multipart/Form-Data; Boundary=b',
  'multipart/mixed; boundary=b',
);
/** An almost valid form: parts with odd headers, some bytes changed, split at random positions. */
const form: fc.Arbitrary<Form> = fc
  .record({
    contentType,
    parts: fc.array(part, { maxLength: 4 }),
    end: fc.constantFrom('--b--\r\n', '--b--\r\n', '--b--', '', '--b', '\r\n--b--\r\nepilogue'),
    changes: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 2 }),
    cuts: fc.array(fc.nat(400), { maxLength: 3 }),
  })
  .map(({ contentType: type, parts, end, changes, cuts }) => {
    const body = Buffer.concat([...parts, latin1(end)]);
    for (const [place, byte] of changes) if (place < body.length) body[place] = byte;
    const places = [0, ...cuts.toSorted((a, b) => a - b), body.length];
    const chunks = places.slice(1).map((place, index) => body.subarray(places[index], place));
    return { contentType: type, chunks: chunks.filter(({ length }) => length > 0) };
  });

test('a broken form is refused with the invalid field, and never fails the server', async () => {
  await fc.assert(
    fc.asyncProperty(form, async (broken) => {
      assertAnswered(await upload(broken));
    }),
    { numRuns: RUNS },
  );
});
