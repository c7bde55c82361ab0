import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { ISOLATION_SCOPES, newTenantId } from '@caisson/protocol/api';
import type { SandboxPlane, LentSandbox } from '@caisson/data-plane';
import type { IsolationScope, Language } from '@caisson/protocol/api';
import { patience } from '../support/patience.ts';
import { outputOf, runJob, runStep, sandboxRequest, startDataPlane } from '../support/sandbox.ts';
import type { Ran } from '../support/sandbox.ts';
import { HOSTILE_CODE } from './hostile-code.ts';
import type { HostileCode } from './hostile-code.ts';

const TEMPLATES: Record<Language, string> = { python: 'python', javascript: 'node', shell: 'shell' };
const GREETINGS: Record<Language, string> = {
  python: 'print("works")',
  javascript: 'console.log("works")',
  shell: 'echo works',
};

suite('hostile code in a session ends as expected, and the session keeps working', () => {
  const cleanup = new AsyncDisposableStack();
  const sandboxes = new Map<Language, LentSandbox>();

  before(async () => {
    const { dataPlane } = cleanup.use(await startDataPlane());
    for (const language of ['python', 'javascript', 'shell'] as const) {
      const request = sandboxRequest({ templateId: TEMPLATES[language] });
      sandboxes.set(language, await dataPlane.createSandbox(request, AbortSignal.timeout(patience(30_000))));
    }
  });
  after(async () => cleanup.disposeAsync());

  for (const hostile of HOSTILE_CODE) {
    test(hostile.name, async () => {
      const { language = 'python' } = hostile;
      const sandbox = sandboxes.get(language);
      assert.ok(sandbox);
      assertEnds(hostile, await runStep(sandbox, hostile.code, { ...hostile.step, language }));
      assert.equal(await outputOf(sandbox, GREETINGS[language], { language }), 'works\n');
      await outputOf(sandbox, 'cd /workspace && find . /tmp -mindepth 1 -delete 2>/dev/null; true', {
        language: 'shell',
      });
    });
  }
});

for (const isolationScope of ISOLATION_SCOPES) {
  suite(`hostile code in a job in a ${isolationScope} ends as expected, and the next job works`, () => {
    const cleanup = new AsyncDisposableStack();
    // The same tenant, so that the next job runs in the same runner.
    const tenantId = newTenantId();
    let dataPlane: SandboxPlane;

    before(async () => {
      ({ dataPlane } = cleanup.use(await startDataPlane()));
    });
    after(async () => cleanup.disposeAsync());

    for (const hostile of HOSTILE_CODE.filter(({ language }) => runsIn(isolationScope, language))) {
      test(hostile.name, async () => {
        const { language = 'python' } = hostile;
        const request = () => sandboxRequest({ templateId: TEMPLATES[language], tenantId, isolationScope });
        const overrides = { ...hostile.step, language, request: request() };
        const ran = await runJob(dataPlane, hostile.code, overrides);
        assertEnds(hostile, ran);
        assert.equal(ran.placement.scope, isolationScope);
        const next = await runJob(dataPlane, GREETINGS[language], { language, request: request() });
        assert.equal(next.stdout, 'works\n');
        assert.equal(next.placement.scope, isolationScope);
      });
    }
  });
}

/** Only Python has cells. */
function runsIn(scope: IsolationScope, language: Language = 'python'): boolean {
  return scope === 'sandbox' || language === 'python';
}

function assertEnds(hostile: HostileCode, ran: Ran): void {
  const end = `${ran.status}/${ran.reason}` as (typeof hostile.ends)[number];
  assert.ok(hostile.ends.includes(end), `ended as ${end}: ${ran.stderr.slice(-500)} ${ran.error?.message}`);
  if (hostile.error !== undefined) assert.equal(ran.error?.name, hostile.error);
  if (hostile.truncated !== undefined) assert.equal(ran.truncated, hostile.truncated);
  assert.ok(ran.stdout.length <= 1 << 20 && ran.stderr.length <= 1 << 20);
}
