import { setImmediate as nextTurn } from 'node:timers/promises';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { ExecutionId, JsonValue } from '@caisson/protocol/api';
import type { OutputEvent } from '@caisson/protocol/ports';
import { sql } from 'kysely';
import type { CompiledQuery, Kysely } from 'kysely';
import { decodePage } from './output-pages.ts';
import type { DecodedPage, OutputPage } from './output-pages.ts';
import { prepareQuery } from '../writing/prepared-query.ts';
import type { ExecutionOutputPagesTable, Tables } from '../tables.ts';

/** The stored output of a finished execution, read page by page. */
export interface StoredOutput {
  readonly pageCount: number;
  /** Number of the page with the event at this index, or of the last page if it is beyond the end; -1 if there are no pages. */
  pageOfEvent(index: number): Promise<number>;
  /** `undefined` if it has been removed. */
  page(page: number): Promise<DecodedPage | undefined>;
}

export interface OutputStatements {
  insert(id: ExecutionId, page: OutputPage): CompiledQuery;
  stored(id: ExecutionId): Promise<StoredOutput>;
}

type Key = Pick<ExecutionOutputPagesTable, 'execution_id' | 'page'>;

export function outputStatements(db: Kysely<Tables>): OutputStatements {
  const table = 'execution_output_pages';
  const insert = prepareQuery<ExecutionOutputPagesTable>((value) =>
    db.insertInto(table).values({
      execution_id: value('execution_id'),
      page: value('page'),
      first_event: value('first_event'),
      items: value('items'),
    }),
  );
  const last = prepareQuery<Pick<Key, 'execution_id'>>((value) =>
    db
      .selectFrom(table)
      .select('page')
      .where('execution_id', '=', value('execution_id'))
      .orderBy('page', 'desc')
      .limit(sql.lit(1)),
  );
  const ofEvent = prepareQuery<Pick<ExecutionOutputPagesTable, 'execution_id' | 'first_event'>>((value) =>
    db
      .selectFrom(table)
      .select('page')
      .where('execution_id', '=', value('execution_id'))
      .where('first_event', '<=', value('first_event'))
      .orderBy('page', 'desc')
      .limit(sql.lit(1)),
  );
  const one = prepareQuery<Key>((value) =>
    db
      .selectFrom(table)
      .select(['first_event', 'items'])
      .where('execution_id', '=', value('execution_id'))
      .where('page', '=', value('page')),
  );
  // All readers together read one page per turn of the event loop, however many they are.
  let turn: Promise<unknown> = Promise.resolve();
  const takeTurn = () => (turn = turn.then(() => nextTurn()));
  const firstOf = async <Row>(query: CompiledQuery): Promise<Row | undefined> =>
    (await db.executeQuery(query)).rows[0] as Row | undefined;
  return {
    insert: (id, { page, firstEvent, items }) =>
      insert({ execution_id: id, page, first_event: firstEvent, items }),
    async stored(id) {
      const lastPage = await firstOf<Pick<Key, 'page'>>(last({ execution_id: id }));
      if (lastPage === undefined) return earlierOutput(db, id);
      return {
        pageCount: lastPage.page + 1,
        pageOfEvent: async (index) =>
          (await firstOf<Pick<Key, 'page'>>(ofEvent({ execution_id: id, first_event: index })))?.page ?? 0,
        async page(page) {
          if (lastPage.page > 0) await takeTurn();
          const row = await firstOf<Omit<ExecutionOutputPagesTable, keyof Key>>(
            one({ execution_id: id, page }),
          );
          return row && decodePage({ firstEvent: row.first_event, items: row.items });
        },
      };
    },
  };
}

/** Earlier versions stored all events as one JSON text, with bundles as values in it instead of JSON text. */
type EarlierEvent = OutputEvent | { readonly type: 'result'; readonly bundle: Record<string, JsonValue> };

async function earlierOutput(db: Kysely<Tables>, id: ExecutionId): Promise<StoredOutput> {
  const row = await db
    .selectFrom('execution_outputs')
    .select('events_json')
    .where('execution_id', '=', id)
    .executeTakeFirst();
  const events = row === undefined ? [] : (JSON.parse(row.events_json) as EarlierEvent[]).map(fromEarlier);
  const pageCount = events.length === 0 ? 0 : 1;
  return {
    pageCount,
    pageOfEvent: () => Promise.resolve(pageCount - 1),
    page: () => Promise.resolve({ firstEvent: 0, events, returnValue: '' }),
  };
}

function fromEarlier(event: EarlierEvent): OutputEvent {
  if (event.type !== 'result' || typeof event.bundle === 'string') return event as OutputEvent;
  return { ...event, bundle: jsonTextOf(event.bundle) };
}

/** An output that is stored in the row of its execution. */
export function outputOfRow(items: Uint8Array): StoredOutput {
  return {
    pageCount: 1,
    pageOfEvent: () => Promise.resolve(0),
    page: () => Promise.resolve(decodePage({ firstEvent: 0, items })),
  };
}
