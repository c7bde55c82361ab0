import type { Session } from '@caisson/protocol/api';

/** A table of sessions with a header; each column is as wide as its widest value. */
export function renderSessions(sessions: readonly Session[]): string {
  const rows = [
    ['SESSION', 'STATUS', 'TEMPLATE', 'RUNTIME', 'CREATED', 'EXPIRES'],
    ...sessions.map((session) => [
      session.session_id,
      session.reason === null ? session.status : `${session.status} (${session.reason})`,
      session.template_id,
      session.runtime ?? '-',
      session.created_at,
      session.terminated_at === null ? session.expires_at : '-',
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
