import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTenantId } from '@caisson/protocol/api';
import { OutputLedger } from './output-ledger.ts';

test('the bound is the last count and everything recorded since; a shared database has none', () => {
  const tenantId = newTenantId();
  for (const shared of [false, true]) {
    const ledger = new OutputLedger(shared);
    assert.equal(ledger.bytesOf(tenantId), Infinity);
    ledger.add(tenantId, 1);
    const endCount = ledger.beginCount(tenantId);
    ledger.add(tenantId, 2);
    endCount(10);
    ledger.add(tenantId, 4);
    assert.equal(ledger.bytesOf(tenantId), shared ? Infinity : 16);
  }
});
