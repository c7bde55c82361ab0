import type { Api } from './api.ts';

const CHECK_MS = 10;
const LAST_ANSWERS_MS = 5000;

/**
 * A function that closes the server: it waits at most five seconds for answers under way, then cuts all connections. Node itself
 * would wait for connections without a request, and for those whose answer ends just after the call.
 */
export function serverCloser(api: Api): () => Promise<void> {
  let underWay = 0;
  api.server.on('request', (_request, response) => {
    underWay += 1;
    response.once('close', () => {
      underWay -= 1;
    });
  });
  return async () => {
    const deadline = performance.now() + LAST_ANSWERS_MS;
    const check = setInterval(() => {
      if (underWay === 0 || performance.now() > deadline) api.server.closeAllConnections();
    }, CHECK_MS);
    try {
      await api.close();
    } finally {
      clearInterval(check);
    }
  };
}
