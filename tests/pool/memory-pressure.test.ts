import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readHostLoad } from '@caisson/data-plane';
import type { HostLoad } from '@caisson/data-plane';
import type { SandboxPlane } from '@caisson/data-plane';
import { pino } from 'pino';
import { startMemoryPressure, whyUnseen } from '../support/memory-pressure.ts';
import { outputOf, sandboxRequest, startDataPlane } from '../support/sandbox.ts';
import { until } from '../support/server.ts';

/** A little above the pressure at which pools are emptied. */
const STALL_PERCENT = 11;

/** A data plane with pools on a host like this one, but with only a share of its memory available. */
async function startOn(availableShare: number) {
  const log: string[] = [];
  const seen = { mostStallPercent: 0 };
  const readLoad = (): HostLoad => {
    const load = readHostLoad();
    seen.mostStallPercent = Math.max(seen.mostStallPercent, load.memoryStallPercent ?? 0);
    return { ...load, totalBytes: load.availableBytes / availableShare };
  };
  const logger = pino({ level: 'info' }, { write: (line: string) => log.push(line) });
  const started = await startDataPlane('auto', { readLoad, logger });
  started.dataPlane.warmUp();
  return { ...started, log, seen };
}

async function readyIn(dataPlane: SandboxPlane): Promise<number> {
  const { pools } = await dataPlane.health(AbortSignal.timeout(5_000));
  return pools.reduce((sum, { ready }) => sum + ready, 0);
}

const skip = whyUnseen() ?? false;

test('memory pressure empties the pools only on a host with little memory left', { skip }, async () => {
  await using little = await startOn(0.2);
  await using plenty = await startOn(0.5);
  for (const { dataPlane } of [little, plenty])
    await until('something is ready', async () => (await readyIn(dataPlane)) > 0);
  {
    await using pressure = startMemoryPressure(STALL_PERCENT);
    pressure satisfies AsyncDisposable;
    await until('it has emptied the pools', async () => (await readyIn(little.dataPlane)) === 0, 30_000);
    assert.match(little.log.join(''), /memory is scarce: the warm pools are emptied/);
    for (let session = 0; session < 5; session++) {
      const sandbox = await little.dataPlane.createSandbox(sandboxRequest(), AbortSignal.timeout(30_000));
      assert.equal(await outputOf(sandbox, 'print("works")'), 'works\n');
      await sandbox.destroy();
    }
    assert.equal(await readyIn(little.dataPlane), 0);
    await until('the other has seen it too', async () => Promise.resolve(plenty.seen.mostStallPercent >= 10));
  }
  assert.doesNotMatch(little.log.join(''), /memory is available again/);
  await until('something is ready again', async () => (await readyIn(little.dataPlane)) > 0);
  assert.match(little.log.join(''), /memory is available again: the warm pools are refilled/);
  assert.doesNotMatch(plenty.log.join(''), /memory is scarce/);
  assert.ok((await readyIn(plenty.dataPlane)) > 0);
});
