import { auditList, pageQuery } from '@caisson/protocol/api';
import { auditEventOf } from '../../audit/chain.ts';
import { problems } from '../answers/execution-answers.ts';
import { numberOfCursor, pageOf } from '../answers/paging.ts';
import type { Api } from '../api.ts';
import type { Services } from '../services.ts';

export function auditRoute(api: Api, { audit }: Services): void {
  api.route({
    method: 'GET',
    url: '/audit',
    schema: {
      summary: 'List the events of the audit trail, newest first',
      description:
        'Who did what. Each event holds the hash of the previous event of the tenant. Every key of the tenant may read ' +
        'the trail.',
      tags: ['audit'],
      querystring: pageQuery,
      response: { 200: auditList, ...problems },
    },
    handler: async (request) => {
      const { limit, cursor } = request.query;
      const filter = { limit: limit + 1, before: numberOfCursor(cursor) };
      const { tenantId } = request.principal;
      const records = await audit.list(tenantId, filter);
      const page = pageOf(records, limit, ({ sequence }) => String(sequence), auditEventOf);
      return { ...page, checkpoint: (await audit.checkpoint(tenantId)) ?? null };
    },
  });
}
