import { SYSTEM } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';
import type { NewAuditRecord } from '../../audit/audit-record.ts';
import { openStore } from './database.ts';

// A program for a test: it appends events to the audit trail of a tenant until it gets a message, and reports their number.
const [, , dataDir = '', tenantId = '', name = ''] = process.argv;
await using store = await openStore(dataDir);

function fileDeleted(path: string): NewAuditRecord {
  const action = 'file.deleted';
  return {
    at: 0,
    tenantId: tenantId as TenantId,
    principal: SYSTEM,
    action,
    subject: 'ses',
    details: { path },
  };
}

let written = 0;
const stopping = new AbortController();
process.once('message', () => {
  stopping.abort();
});
while (!stopping.signal.aborted) {
  const events = Array.from({ length: 10 }, () => {
    written += 1;
    return fileDeleted(`${name}${written}`);
  });
  await Promise.all(events.map((event) => store.writer.write([], [event])));
  process.send?.(written);
}
process.disconnect();
