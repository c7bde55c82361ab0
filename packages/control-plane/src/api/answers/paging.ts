import { CaissonError } from '@caisson/protocol/api';

/** One item more than the page holds tells whether there is another page. */
export function pageOf<Item, View>(
  items: readonly Item[],
  limit: number,
  keyOf: (item: Item) => string,
  view: (item: Item) => View,
): { items: View[]; next_cursor: string | null } {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  const more = items.length > limit && last !== undefined;
  return { items: shown.map(view), next_cursor: more ? toCursor(keyOf(last)) : null };
}

/** The key that a cursor stands for; opaque to callers, so that lists may be ordered otherwise one day. */
export function keyOfCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  if (cursor !== '' && toCursor(key) === cursor) return key;
  throw notACursor();
}

/** The same for a list whose keys are whole numbers. */
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
