import { CaissonError } from '@caisson/protocol/api';

/** Why the query of `url` cannot be read: the router's own parser would take broken escapes as plain text. */
export function refuseBrokenQuery(url: string): CaissonError | undefined {
  const start = url.indexOf('?');
  if (start < 0 || !url.includes('%', start)) return undefined;
  for (const part of url.slice(start + 1).split('&')) {
    if (!part.includes('%')) continue;
    try {
      decodeURIComponent(part);
    } catch (cause) {
      const name = part.split('=', 1)[0] ?? '';
      return new CaissonError('invalid_utf8', { field: name.includes('%') ? 'query' : name }, { cause });
    }
  }
  return undefined;
}
