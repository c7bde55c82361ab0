import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { ExecutionResult, Session } from '@caisson/protocol/api';

const TIMEOUT_MS = 60_000;

type Headers = Record<string, string>;
type Method = 'GET' | 'POST' | 'DELETE';

/** Requests of the benchmark to a server, over persistent connections. Cheap, because it shares the cores. */
export class Client implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 1024 });
  readonly #url: URL;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = new URL(url);
    this.#key = key;
  }

  job(code: string): Promise<ExecutionResult> {
    return this.#json('POST', '/api/v1/jobs', { code, language: 'python' });
  }

  /** The events of a job while it runs; the caller reads the stream to its end or destroys it. */
  async jobEvents(code: string): Promise<IncomingMessage> {
    const body = JSON.stringify({ code, language: 'python' });
    const answer = await this.#send('POST', '/api/v1/jobs', body, { accept: 'text/event-stream' });
    if (answer.statusCode !== 200) throw new Error(problem(answer, await textOf(answer)));
    return answer;
  }

  async cancel(executionId: string): Promise<void> {
    await this.#json('POST', `/api/v1/executions/${executionId}/cancel`, {});
  }

  createSession(): Promise<Session> {
    return this.#json('POST', '/api/v1/sessions', { template_id: 'python' });
  }

  step(sessionId: string, code: string): Promise<ExecutionResult> {
    return this.#json('POST', `/api/v1/sessions/${sessionId}/execute`, { code, language: 'python' });
  }

  async deleteSession(sessionId: string): Promise<void> {
    const answer = await this.#send('DELETE', `/api/v1/sessions/${sessionId}`);
    const text = await textOf(answer);
    if (!isSuccess(answer)) throw new Error(problem(answer, text));
  }

  /** Text of the metrics page. */
  async metrics(): Promise<string> {
    const answer = await this.#send('GET', '/metrics');
    const text = await textOf(answer);
    if (!isSuccess(answer)) throw new Error(problem(answer, text));
    return text;
  }

  /** Ends all connections, also those in use. */
  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #json<Answer>(method: Method, path: string, body: object): Promise<Answer> {
    const answer = await this.#send(method, path, JSON.stringify(body));
    const text = await textOf(answer);
    if (!isSuccess(answer)) throw new Error(problem(answer, text));
    return JSON.parse(text) as Answer;
  }

  #send(method: Method, path: string, body?: string, more: Headers = {}): Promise<IncomingMessage> {
    const headers: Headers = { authorization: `Bearer ${this.#key}`, ...more };
    if (body !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = String(Buffer.byteLength(body));
    }
    const { hostname, port } = this.#url;
    return new Promise((resolve, reject) => {
      const sent = request(
        { agent: this.#agent, hostname, port, method, path, headers, timeout: TIMEOUT_MS },
        resolve,
      );
      sent.once('timeout', () => sent.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
      sent.once('error', reject);
      sent.end(body);
    });
  }
}

/** @throws unless the code succeeded and printed the expected output */
export function assertPrinted(result: ExecutionResult, stdout: string): void {
  if (result.status === 'succeeded' && result.stdout === stdout) return;
  const { status, reason, error } = result;
  throw new Error(`the code ended as ${status} (${reason ?? 'no reason'}) ${error?.name ?? ''}`.trim());
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function problem(answer: IncomingMessage, text: string): string {
  return `HTTP ${answer.statusCode ?? 0}: ${text.slice(0, 200)}`;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8');
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return text;
}
