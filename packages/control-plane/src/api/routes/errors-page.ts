import { ERROR_KINDS } from '@caisson/protocol/api';
import type { Api } from '../api.ts';

/** `/docs/errors`: every kind of problem, at the anchor that its `type` points to. */
export function errorsPageRoute(api: Api): void {
  const page = renderErrorsPage();
  api.route({
    method: 'GET',
    url: '/docs/errors',
    schema: { hide: true },
    handler: (_request, reply) => reply.type('text/html; charset=utf-8').serializer(String).send(page),
  });
}

function renderErrorsPage(): string {
  // Codes and titles are constants of the catalogue without HTML special characters.
  const rows = Object.entries(ERROR_KINDS).map(
    ([code, { status, title }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Caisson: problems</title>
<style>body { font-family: sans-serif; margin: 2rem } td, th { padding: 0.2rem 1rem; text-align: left } :target { background: #ffd }</style>
<h1>Problems</h1>
<p>Errors are problem details (RFC 9457): <code>type</code> points to a row of this table, <code>detail</code> names the field and says what is wrong with it.</p>
<table><tr><th>code</th><th>status</th><th>title</th></tr>
${rows.join('\n')}
</table>
</html>
`;
}
