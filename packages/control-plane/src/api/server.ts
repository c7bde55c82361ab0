import { newRequestId, CaissonError } from '@caisson/protocol/api';
import Fastify, { LogController } from 'fastify';
import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { writeJson } from '../views/embedded-json.ts';
import { requireRole } from '../auth/require-role.ts';
import type { Principal } from '../model/principal.ts';
import { auditRoute } from './routes/audit.ts';
import { answerClientError } from './requests/client-errors.ts';
import { executionRoutes } from './routes/executions.ts';
import { fileRoutes } from './routes/files.ts';
import { healthRoutes, operatorRoutes } from './routes/health.ts';
import { jobRoutes } from './routes/jobs.ts';
import { readJson } from './requests/json-body.ts';
import { errorsPageRoute } from './routes/errors-page.ts';
import { ParseShare } from './requests/parse-share.ts';
import type { Api } from './api.ts';
import { registerOpenApi } from './openapi.ts';
import { sendProblem } from './answers/problems.ts';
import { refuseBrokenQuery } from './requests/query.ts';
import type { Services } from './services.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { uploadRoute } from './routes/upload.ts';
import { compileValidator } from './requests/validation.ts';

const MAX_HEADER_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
const CONNECTIONS_CHECK_MS = 5000;
/** Limit for the upload of a file; JSON bodies and pauses have much shorter limits. */
const REQUEST_TIMEOUT_MS = 3600_000;
const KEEP_ALIVE_MS = 60_000;

/** Builds the HTTP server with all its routes; it does not listen yet. */
export async function buildServer(services: Services): Promise<Api> {
  const { config, ids } = services;
  const logger: FastifyBaseLogger = services.logger;
  const api: Api = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => newRequestId(ids),
    requestIdHeader: false,
    bodyLimit: config.bodyLimitBytes,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    exposeHeadRoutes: false,
    // Idle keep-alive connections must not delay a stop.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      sendProblem(error, request, reply);
    },
  }).withTypeProvider<ZodTypeProvider>();
  api.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  api.setNotFoundHandler((request, reply) => {
    const path = (request.raw.url ?? '').split('?', 1)[0]?.slice(0, 200) ?? '';
    return sendProblem(new CaissonError('route_not_found', { method: request.method, path }), request, reply);
  });
  api.setValidatorCompiler(compileValidator);
  // The types of the handlers already ensure that answers match their schemas; a check at run time costs more than the answer.
  api.setSerializerCompiler(() => writeJson);
  readJsonBodies(api, services);
  observe(api, services);
  await registerOpenApi(api, services.version);
  errorsPageRoute(api);
  await api.register((open) => {
    healthRoutes(open, services);
    return Promise.resolve();
  });
  await api.register(async (guarded) => {
    requireKey(guarded, services);
    await guarded.register((operators) => {
      requireOperator(operators);
      operatorRoutes(operators, services);
      return Promise.resolve();
    });
    await guarded.register(
      async (v1) => {
        jobRoutes(v1, services);
        sessionRoutes(v1, services);
        executionRoutes(v1, services);
        auditRoute(v1, services);
        await fileRoutes(v1, services);
        await uploadRoute(v1, services);
      },
      { prefix: '/api/v1' },
    );
  });
  await api.ready();
  return api;
}

function readJsonBodies(api: Api, { config }: Services): void {
  const limits = { bytes: config.bodyLimitBytes, timeoutMs: config.bodyTimeoutMs };
  api.removeAllContentTypeParsers();
  const share = new ParseShare(() => performance.now());
  api.addContentTypeParser('application/json', (request: FastifyRequest, payload: IncomingMessage) =>
    // Bodies of callers without a key are not parsed.
    'principal' in request
      ? readJson(payload, limits, { of: share, tenantId: request.principal.tenantId })
      : Promise.resolve(),
  );
  api.addContentTypeParser('*', (request: FastifyRequest) => {
    const contentType = request.headers['content-type'] ?? '';
    return Promise.reject(
      new CaissonError('unsupported_media_type', { contentType, expected: 'application/json' }),
    );
  });
}

function requireKey(api: Api, { authenticate }: Services): void {
  api.decorateRequest('principal', undefined as unknown as Principal);
  api.addHook('onRequest', async (request) => {
    request.principal = await authenticate(request.headers.authorization);
  });
  api.addHook('onRoute', (route) => {
    route.schema = { ...route.schema, security: [{ apiKey: [] }] };
  });
}

/** Runs after `requireKey`, before a body is read. */
function requireOperator(api: Api): void {
  api.addHook('onRequest', (request, _reply, done) => {
    requireRole(request.principal, 'operator');
    done();
  });
  api.addHook('onRoute', (route) => {
    route.schema = { ...route.schema, description: 'Requires a key with the role `operator`.' };
  });
}

function observe(api: Api, { metrics }: Services): void {
  api.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done(refuseBrokenQuery(request.raw.url ?? ''));
  });
  api.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.answered(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    request.log.info(
      {
        method: request.method,
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
      },
      'request completed',
    );
    done();
  });
}
