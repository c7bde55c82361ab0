import type { Socket } from 'node:net';

/** Answers what Node's HTTP parser refused before there was a request: as a problem too, and then hangs up. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const { status, title, detail } = problemOf(error.code);
  const code = 'malformed_request';
  const body = JSON.stringify({ type: `/docs/errors#${code}`, title, status, code, detail });
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => {
      socket.destroy();
    },
  );
}

function problemOf(code: string | undefined): { status: number; title: string; detail: string } {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, title: 'Request Timeout', detail: 'request: did not arrive in time' };
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, title: 'Request Header Fields Too Large', detail: 'headers: are too large' };
    case undefined:
    default:
      return { status: 400, title: 'Bad Request', detail: 'request: is not valid HTTP' };
  }
}
