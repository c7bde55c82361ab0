import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import { prepareQuery } from './prepared-query.ts';

interface Rows {
  things: { id: string; name: string | null; size: number };
}

const db = new Kysely<Rows>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (one) => new PostgresIntrospector(one),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

test('each run has its own values, in the right parameters', () => {
  const update = prepareQuery<Rows['things']>((value) =>
    db
      .updateTable('things')
      .set({ size: value('size'), name: null })
      .where('id', '=', value('id')),
  );
  const first = update({ id: 'a', name: 'x', size: 1 });
  const second = update({ id: "'; drop", name: null, size: 2 });
  assert.equal(first.sql, 'update "things" set "size" = $1, "name" = $2 where "id" = $3');
  assert.deepEqual(first.parameters, [1, null, 'a']);
  assert.equal(second.sql, first.sql);
  assert.deepEqual(second.parameters, [2, null, "'; drop"]);
});

test('a null value stays null', () => {
  const insert = prepareQuery<Rows['things']>((value) =>
    db.insertInto('things').values({ id: value('id'), name: value('name'), size: value('size') }),
  );
  assert.deepEqual(insert({ id: 'a', name: null, size: 3 }).parameters, ['a', null, 3]);
});
