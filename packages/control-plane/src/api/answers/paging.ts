import { CaissonError } from '@caisson/protocol/api';

/** A page of at most `limit` items. The caller reads one item more: if present, there is another page. */
export function pageOf<Item, View>(
  items: readonly Item[],
  limit: number,
  keyOf: (item: Item) => string,
  view: (item: Item) => View,
): { items: View[]; next_cursor: string | null } {
  const page = items.slice(0, limit);
  const last = page.at(-1);
  const more = items.length > limit && last !== undefined;
  return { items: page.map(view), next_cursor: more ? toCursor(keyOf(last)) : null };
}

/** The key in a cursor. Cursors are opaque to callers, so that the order of lists can change. */
export function keyOfCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  if (cursor !== '' && toCursor(key) === cursor) return key;
  throw notACursor();
}

/** The key in the cursor of a list whose keys are integers. */
export function numberOfCursor(cursor: string | undefined): number | undefined {
  const key = keyOfCursor(cursor);
  if (key === undefined) return undefined;
  if (/^\d{1,15}$/.test(key)) return Number(key);
  throw notACursor();
}

function notACursor(): CaissonError {
  const message = 'must be the "next_cursor" of an earlier page';
  return new CaissonError('validation_failed', { fields: [{ field: 'cursor', message }] });
}

function toCursor(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url');
}
