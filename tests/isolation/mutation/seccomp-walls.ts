import { readFileSync } from 'node:fs';
import { EVERY_PROCESS, inConfig, only, WALLS_OF_SANDBOX } from './mutation.ts';
import type { Mutation } from './mutation.ts';

const RULES = new URL(
  '../../../packages/data-plane/src/runtimes/oci/seccomp/seccomp-rules.json',
  import.meta.url,
);

interface Rule {
  readonly names: readonly string[];
  readonly action: string;
}

const byRules = (wall: string, change: string): Mutation => ({
  wall: `seccomp: ${wall}`,
  edits: [inConfig('sandbox', `const { seccomp } = config.linux; ${change}`)],
  tests: [
    only(WALLS_OF_SANDBOX, 'system calls that lead'),
    only(WALLS_OF_SANDBOX, 'a system call by the table'),
    only(WALLS_OF_SANDBOX, 'it gets a few'),
    EVERY_PROCESS,
  ],
});

/** Rules that refuse calls by name, each represented by its first call. */
const refusing = (JSON.parse(readFileSync(RULES, 'utf8')) as Rule[]).filter(
  ({ action }) => action === 'SCMP_ACT_ERRNO',
);

/** Calls that are allowed with certain arguments only. */
const WITH_ARGUMENTS = [
  'sendto',
  'sendmsg',
  'sendmmsg',
  'socket',
  'socketpair',
  'clone',
  'personality',
  'setsockopt',
];

export const SECCOMP_WALLS: readonly Mutation[] = [
  byRules('the whole list', 'delete config.linux.seccomp;'),
  byRules('what no rule names', "seccomp.defaultAction = 'SCMP_ACT_ALLOW';"),
  byRules('calls by the table of 32-bit programs', "seccomp.architectures.push('SCMP_ARCH_X86');"),
  byRules(
    'netlink sockets by leave',
    "for (const rule of seccomp.syscalls) if (rule.action === 'SCMP_ACT_NOTIFY') rule.action = 'SCMP_ACT_ALLOW';",
  ),
  ...refusing.map(({ names }) =>
    byRules(
      `${names[0]} and its like`,
      `for (const rule of seccomp.syscalls) if (rule.names[0] === '${names[0]}') { rule.action = 'SCMP_ACT_ALLOW'; delete rule.errnoRet; }`,
    ),
  ),
  ...WITH_ARGUMENTS.map((name) =>
    byRules(
      `arguments of ${name}`,
      `seccomp.syscalls = seccomp.syscalls.filter((rule: any) => rule.names[0] !== '${name}');
       seccomp.syscalls.push({ names: ['${name}'], action: 'SCMP_ACT_ALLOW' });`,
    ),
  ),
];
