import { health, healthDetailed, syncReport } from '@caisson/protocol/api';
import type { NodeCapacity } from '@caisson/protocol/ports';
import { z } from 'zod';
import { resourcesOf } from '../../views/resources-view.ts';
import { problems } from '../answers/execution-answers.ts';
import type { Api } from '../api.ts';
import type { Services } from '../services.ts';

const tags = ['health'];
const HEALTH_TIMEOUT_MS = 5000;

/** Routes without a key: they reveal nothing about the host or its executions. */
export function healthRoutes(api: Api, services: Services): void {
  const { version, executions, dataPlane } = services;
  const alive = { status: 'ok' as const, version };
  for (const url of ['/healthz', '/api/v1/health']) {
    api.route({
      method: 'GET',
      url,
      schema: { summary: 'Liveness', tags, response: { 200: health } },
      handler: () => alive,
    });
  }
  api.route({
    method: 'GET',
    url: '/readyz',
    schema: {
      summary: 'Readiness',
      tags,
      response: { 200: health, 503: health.describe('Not ready') },
    },
    handler: async (_request, reply) => {
      const [database, { problems }] = await Promise.all([
        services.databaseAnswers(),
        dataPlane.health(AbortSignal.timeout(HEALTH_TIMEOUT_MS)),
      ]);
      const ready = !executions.stopping && services.storage.working && database && problems.length === 0;
      if (ready) return reply.code(200).send(alive);
      return reply.code(503).send({ status: 'unavailable', version });
    },
  });
}

function capacityOf({ memoryBytes, diskBytes, cpuMillicores, maximum, ...others }: NodeCapacity) {
  return {
    memory_bytes: memoryBytes,
    disk_bytes: diskBytes,
    cpu_millicores: cpuMillicores,
    ...others,
    maximum: resourcesOf(maximum),
  };
}

/** Routes for operators: they reveal details of the host and totals over all tenants. */
export function operatorRoutes(api: Api, services: Services): void {
  const { config, dataPlane, dispatcher, loopDelay, metrics, version, clock } = services;
  const startedAt = clock.nowMs();
  api.route({
    method: 'GET',
    url: '/metrics',
    schema: {
      summary: 'Metrics in Prometheus text format',
      tags,
      response: {
        200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } },
        ...problems,
      },
    },
    handler: async (_request, reply) => {
      const text = await metrics.text();
      return reply.code(200).type(metrics.contentType).serializer(String).send(text);
    },
  });
  api.route({
    method: 'GET',
    url: '/api/v1/health/detailed',
    schema: {
      summary: 'Detailed server status',
      tags,
      response: { 200: healthDetailed, ...problems },
    },
    handler: async () => {
      const [plane, database] = await Promise.all([
        dataPlane.health(AbortSignal.timeout(HEALTH_TIMEOUT_MS)),
        services.databaseAnswers(),
      ]);
      const { p50, p99, max, overMs } = loopDelay.read();
      const { working: writable, unwritten } = services.storage;
      const healthy = database && writable && plane.problems.length === 0;
      const ok = healthy && plane.runtimes.some(({ available }) => available);
      return {
        status: ok ? ('ok' as const) : ('unavailable' as const),
        version,
        uptime_ms: clock.nowMs() - startedAt,
        runtimes: plane.runtimes.map((runtime) => ({ ...runtime, problems: [...runtime.problems] })),
        sandboxes: plane.sandboxes,
        pools: plane.pools.map(({ templateId, resources, ...pool }) => ({
          ...pool,
          template_id: templateId,
          resources: resourcesOf(resources),
        })),
        reads: {
          dropped_bytes: plane.reads.droppedBytes,
          delayed_ms: plane.reads.delayedMs,
          broken: plane.reads.broken,
        },
        problems: [...plane.problems],
        capacity: capacityOf(plane.capacity),
        executions: {
          running: dispatcher.running,
          queued: dispatcher.waiting,
          limit: config.maxConcurrentExecutions,
          queue_limit: config.maxQueuedExecutions,
        },
        event_loop_delay: { p50_ms: p50 * 1000, p99_ms: p99 * 1000, max_ms: max * 1000, over_ms: overMs },
        database: { driver: services.databaseDriver, ok: database, writable, unwritten },
      };
    },
  });
  api.route({
    method: 'POST',
    url: '/api/v1/health/sync',
    schema: {
      summary: 'Compare the records with what runs, and repair differences',
      description:
        'The server does this at the start and every second; this runs it now and answers with what it changed.',
      tags,
      response: { 200: syncReport, ...problems },
    },
    handler: () => services.reconciler.run('all'),
  });
}
