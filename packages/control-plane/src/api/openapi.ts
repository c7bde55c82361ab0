import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { createJsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Api } from './api.ts';

/** `/openapi.json`, from the schemas of the routes that are registered after this, and a page to read it at `/docs`. */
export async function registerOpenApi(api: Api, version: string): Promise<void> {
  await api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Caisson',
        version,
        description: 'Runs untrusted code in isolated sandboxes. Errors are problems of RFC 9457.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'jobs', description: 'One execution in a fresh place' },
        { name: 'sessions', description: 'Sandboxes that keep their state' },
        { name: 'executions', description: 'What ran, and what came of it' },
        { name: 'files', description: 'Files of the workspace of a session' },
        { name: 'audit', description: 'Who did what' },
        { name: 'health', description: 'How the server is' },
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
      summary: 'This description',
      tags: ['health'],
      response: { 200: z.record(z.string(), z.unknown()).describe('OpenAPI 3.1') },
    },
    handler: () => ({ ...api.swagger() }),
  });
}
