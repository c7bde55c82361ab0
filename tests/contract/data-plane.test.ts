import { startDataPlane } from '../support/sandbox.ts';
import { FakeDataPlane, untilAborted } from '../../packages/control-plane/src/testing/fake-data-plane.ts';
import { CODES, dataPlaneContract } from './data-plane.contract.ts';

dataPlaneContract('the node of this host', async () => startDataPlane());

dataPlaneContract('the fake of the control plane', async () => {
  const node = new FakeDataPlane();
  node.on(CODES.prints, async (_step, events) => {
    await events({ type: 'stdout', text: '1\n' });
    await events({ type: 'stderr', text: '2\n' });
    return {};
  });
  node.on(CODES.sleeps, async (_step, events) => {
    await new Promise((resolve) => setTimeout(resolve, 600));
    await events({ type: 'stdout', text: 'slept\n' });
    return {};
  });
  node.on(CODES.forever, async (step, events, signal) => {
    await events({ type: 'stdout', text: 'begun\n' });
    return untilAborted(step, events, signal);
  });
  return Promise.resolve({ node, [Symbol.asyncDispose]: async () => node[Symbol.asyncDispose]() });
});
