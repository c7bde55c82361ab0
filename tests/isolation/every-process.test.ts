import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { newTenantId } from '@caisson/protocol/api';
import type { SandboxPlane, LentSandbox } from '@caisson/data-plane';
import { patience } from '../support/patience.ts';
import { outputOf, runJob, runStep, sandboxRequest, startDataPlane } from '../support/sandbox.ts';

/** Report of a process about itself, from `/proc/self/…`; the same program in every language. */
const REPORT_BY_SHELL = [
  'grep -E "^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp|Seccomp_filters):" /proc/self/status',
  'cat /proc/self/cgroup',
  'grep -E "^Max (open files|file size|core file size|locked memory|pending signals|msgqueue size)" /proc/self/limits',
].join('; ');
const REPORT_BY_PYTHON = `
import re
print("".join(line for line in open("/proc/self/status") if re.match("(Uid|Gid|Groups|Cap.*|NoNewPrivs|Seccomp.*):", line)), end="")
print(open("/proc/self/cgroup").read(), end="")
print("".join(line for line in open("/proc/self/limits") if re.match("Max (open files|file size|core file size|locked memory|pending signals|msgqueue size)", line)), end="")
`;
const REPORT_BY_NODE = `
const { readFileSync } = require('node:fs');
const lines = (path, pattern) => readFileSync(path, 'utf8').split('\\n').filter((line) => pattern.test(line));
console.log([
  ...lines('/proc/self/status', /^(Uid|Gid|Groups|Cap\\w+|NoNewPrivs|Seccomp\\w*):/),
  ...lines('/proc/self/cgroup', /./),
  ...lines('/proc/self/limits', /^Max (open files|file size|core file size|locked memory|pending signals|msgqueue size)/),
].join('\\n'));
`;

const VARIABLES = /^(PATH|HOME|USER|LANG|TMPDIR|XDG_\w+|PWD|OLDPWD|SHLVL|_|CAISSON_EVENT|MPLBACKEND|)$/;

/** Limits in the order of the report, with white space collapsed. */
const EXPECTED = {
  Uid: '1000 1000 1000 1000',
  Gid: '1000 1000 1000 1000',
  Groups: '',
  CapInh: '0000000000000000',
  CapPrm: '0000000000000000',
  CapEff: '0000000000000000',
  CapBnd: '0000000000000000',
  CapAmb: '0000000000000000',
  NoNewPrivs: '1',
  Seccomp: '2',
};

for (const runtime of ['crun', 'runc'] as const) {
  suite(
    `every process of a ${runtime} sandbox has the same user, capabilities, seccomp, limits and cgroup`,
    () => {
      const cleanup = new AsyncDisposableStack();
      let dataPlane: SandboxPlane;
      let python: LentSandbox;
      let node: LentSandbox;

      before(async () => {
        ({ dataPlane } = cleanup.use(await startDataPlane(runtime)));
        python = await dataPlane.createSandbox(sandboxRequest(), AbortSignal.timeout(patience(30_000)));
        node = await dataPlane.createSandbox(
          sandboxRequest({ templateId: 'node' }),
          AbortSignal.timeout(patience(30_000)),
        );
      });
      after(async () => cleanup.disposeAsync());

      const tenantId = newTenantId();
      const places = {
        'a session': async (code: string) => outputOf(python, code),
        'a job in a sandbox': async (code: string) => outputOfJob('sandbox', code),
        'a job in a cell': async (code: string) => outputOfJob('cell', code),
      };
      async function outputOfJob(isolationScope: 'cell' | 'sandbox', code: string): Promise<string> {
        const ran = await runJob(dataPlane, code, { request: sandboxRequest({ tenantId, isolationScope }) });
        assert.equal(ran.status, 'succeeded', ran.error?.traceback.join(''));
        assert.equal(ran.placement.scope, isolationScope);
        return ran.stdout;
      }

      for (const [place, run] of Object.entries(places)) {
        test(`the Python kernel of ${place}`, async () => {
          assertConfined(await run(REPORT_BY_PYTHON));
        });
        test(`a process started by Python code of ${place}`, async () => {
          const code = `import subprocess\nsubprocess.run(["sh", "-c", ${JSON.stringify(REPORT_BY_SHELL)}])`;
          assertConfined(await run(code));
        });
        test(`a daemon that left its session in ${place}`, async () => {
          const code = `import subprocess\nsubprocess.run(["setsid", "--wait", "sh", "-c", ${JSON.stringify(REPORT_BY_SHELL)}])`;
          assertConfined(await run(code));
        });
        test(`no process of ${place} has a host variable or a descriptor that it was not given`, async () => {
          const code = `import os, subprocess
print(*os.environ)
print(*subprocess.run(["env"], capture_output=True, text=True).stdout.split("\\n"), sep="\\n")
print(subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True).stdout.split())`;
          const lines = (await run(code)).trim().split('\n');
          // The fourth is the directory that ls itself reads.
          assert.equal(lines.at(-1), "['0', '1', '2', '3']");
          const names = [
            ...(lines[0] ?? '').split(' '),
            ...lines.slice(1, -1).map((line) => line.split('=')[0]),
          ];
          for (const name of names) assert.match(name ?? '', VARIABLES);
        });
        test(`a process of ${place} can open its own streams by name`, async () => {
          const code =
            'open("/dev/stdout", "w").write("by name\\n")\nimport os, pwd\nprint(pwd.getpwuid(os.getuid())[0])';
          assert.equal(await run(code), 'by name\nsandbox\n');
        });
      }
      test('the shell kernel', async () => {
        assertConfined(await outputOf(python, REPORT_BY_SHELL, { language: 'shell' }));
      });
      test('the JavaScript kernel', async () => {
        assertConfined(await outputOf(node, REPORT_BY_NODE, { language: 'javascript' }));
      });
      test('a kernel that was started again after the first was killed', async () => {
        const killed = await runStep(python, 'import os, signal\nos.kill(os.getpid(), signal.SIGKILL)');
        assert.equal(killed.kernelRestarted, true);
        assertConfined(await outputOf(python, REPORT_BY_PYTHON));
      });
      test('the first process', async () => {
        const status = await outputOf(python, 'cat /proc/1/status; cat /proc/1/cgroup; cat /proc/1/limits', {
          language: 'shell',
        });
        assertConfined(status);
      });
      test('no process has a controlling terminal, a host variable or a descriptor that it was not given', async () => {
        const environment = await outputOf(
          python,
          'cat /proc/self/environ | tr "\\0" "\\n" | cut -d= -f1 | sort',
          {
            language: 'shell',
          },
        );
        for (const name of environment.split('\n').filter((line) => line !== '')) {
          assert.match(name, VARIABLES);
        }
        const descriptors = await outputOf(
          python,
          'import subprocess\nprint(subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True).stdout)',
        );
        // The fourth is the directory that ls itself reads.
        assert.deepEqual(descriptors.trim().split('\n'), ['0', '1', '2', '3']);
      });
    },
  );
}

function assertConfined(report: string): void {
  const values = Object.fromEntries(
    report.split('\n').map((line) => {
      const [name = '', ...rest] = line.split(':');
      return [name, rest.join(':').trim().replaceAll(/\s+/g, ' ')];
    }),
  );
  for (const [name, value] of Object.entries(EXPECTED)) assert.equal(values[name], value, name);
  // A cgroup namespace shows its own root as /: a process outside the sandbox's cgroup would show a path with `..`.
  const cgroups = report.split('\n').filter((line) => /^\d+:/.test(line));
  assert.ok(cgroups.length > 0);
  for (const line of cgroups) assert.match(line, /^\d+:[^:]*:\/$/, line);
  assert.match(report, /Max core file size\s+0\s+0\s/);
  assert.match(report, /Max open files\s+1024\s+1024\s/);
  assert.match(report, /Max pending signals\s+128\s+128\s/);
  assert.match(report, /Max msgqueue size\s+0\s+0\s/);
  assert.match(report, /Max locked memory\s+65536\s+65536\s/);
  // The larger of its disk and /tmp.
  assert.match(report, /Max file size\s+67108864\s+67108864\s/);
}
