import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SYSTEM } from '@caisson/protocol/api';
import { findBreak } from '../audit/chain.ts';
import { auditRepository } from './audit.ts';
import { trailRetentionStore } from './audit-retention.ts';
import { openTwice } from './temporary-stores.testing.ts';

test('the checkpoint of a trail only moves forward, whichever replica trims', async () => {
  await using opened = await openTwice();
  const { tenantId } = opened;
  const [{ db, writer }, other] = opened.stores;
  const audit = auditRepository(db, writer);
  for (let index = 0; index < 10; index += 1) {
    const details = { path: `${index}` };
    await audit.append({
      at: index,
      tenantId,
      principal: SYSTEM,
      action: 'file.deleted',
      subject: 's',
      details,
    });
  }
  const events = await trailRetentionStore(db, writer).events(tenantId, 0);
  const [early, late] = [events[3] ?? assert.fail(), events[7] ?? assert.fail()];
  // The second has read its range before the first one removed more.
  await trailRetentionStore(db, writer).setCheckpoint(tenantId, late, 20);
  await trailRetentionStore(db, writer).removeEvents(tenantId, late.sequence);
  await trailRetentionStore(other.db, other.writer).setCheckpoint(tenantId, early, 20);
  const checkpoint = (await audit.checkpoint(tenantId)) ?? assert.fail();
  assert.equal(checkpoint.sequence, late.sequence);
  const trail = (await audit.list(tenantId, { limit: 100, before: undefined })).toReversed();
  assert.equal(findBreak(trail, checkpoint), undefined);
  assert.equal(trail.filter(({ action }) => action === 'audit.trimmed').length, 1);
});
