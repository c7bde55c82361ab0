import { CaissonError } from '@caisson/protocol/api';

/** The error of a malformed query in `url`, if any: the router's own parser would accept broken escapes as plain text. */
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
