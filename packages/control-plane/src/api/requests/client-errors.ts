import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { CaissonError, toProblem } from '@caisson/protocol/api';
import { PROBLEM_TYPE } from '../answers/problems.ts';

/** Answers a request that Node's HTTP parser refused with problem details, then closes the connection. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const problem = toProblem(new CaissonError(codeOf(error.code), {}));
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => {
      socket.destroy();
    },
  );
}

function codeOf(code: string | undefined): 'malformed_request' | 'request_timeout' | 'headers_too_large' {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request_timeout';
    case 'HPE_HEADER_OVERFLOW':
      return 'headers_too_large';
    case undefined:
    default:
      return 'malformed_request';
  }
}
