import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { createJsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Api } from './api.ts';

/** Serves `/openapi.json`, generated from the schemas of the routes registered after this, and its page at `/docs`. */
export async function registerOpenApi(api: Api, version: string): Promise<void> {
  await api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Caisson',
        version,
        description: 'Runs untrusted code in isolated sandboxes. Errors are problem details (RFC 9457).',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'jobs', description: 'Single executions, each in a fresh sandbox' },
        { name: 'sessions', description: 'Sandboxes that keep their state between steps' },
        { name: 'executions', description: 'Status, output and results of jobs and steps' },
        { name: 'files', description: 'Files in the workspace of a session' },
        { name: 'audit', description: 'Audit trail' },
        { name: 'health', description: 'Health and metrics of the server' },
      ],
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
    },
    transform: createJsonSchemaTransform({}),
    transformObject: jsonSchemaTransformObject,
  });
  await api.register(swaggerUi, { routePrefix: '/docs' });
  api.route({
    method: 'GET',
    url: '/openapi.json',
    schema: {
      summary: 'OpenAPI document',
      tags: ['health'],
      response: { 200: z.record(z.string(), z.unknown()).describe('OpenAPI 3.1') },
    },
    handler: () => ({ ...api.swagger() }),
  });
}
