import { readFileSync } from 'node:fs';

/** `linux.seccomp` of the OCI runtime specification 1.0. */
export interface SeccompConfig {
  readonly defaultAction: SeccompAction;
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
  /** Socket that the runtime hands over by what is asked. */
  readonly listenerPath?: string;
}

/** NOTIFY asks whoever listens at `listenerPath`. */
type SeccompAction = 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO' | 'SCMP_ACT_NOTIFY';

interface SeccompRule {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  readonly errnoRet?: number;
  readonly args?: readonly { index: number; value: number; valueTwo?: number; op: string }[];
}

/** Only the host's own: a call by the tables of another, such as the 32-bit ones of x86-64, ends the process. */
const ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
};

const EPERM = 1;

/** What a fork server needs beyond the list, to make the walls of its cells. */
const FORK_SERVER_CALLS = ['unshare', 'setns', 'mount', 'umount2'];

/** The list for a fork server: the same, with the few calls that it makes walls by. */
export function forkServerSeccomp(seccomp: SeccompConfig): SeccompConfig {
  const others = seccomp.syscalls.map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => !FORK_SERVER_CALLS.includes(name)),
  }));
  return { ...seccomp, syscalls: [...others, { names: FORK_SERVER_CALLS, action: 'SCMP_ACT_ALLOW' }] };
}

/**
 * What a cell adds to the list of its fork server, which it inherits; both together decide as `seccomp` does. The whole
 * list would do so, too, but the kernel takes half a millisecond to install it.
 */
export function cellSeccomp(seccomp: SeccompConfig): SeccompConfig {
  return {
    ...seccomp,
    defaultAction: 'SCMP_ACT_ALLOW',
    // Its cells inherit the fork server's listener.
    syscalls: [{ names: FORK_SERVER_CALLS, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM }],
  };
}

/**
 * The allow-lists of `seccomp-rules.json` and `socket-options.json`, for this host's architecture.
 * @param listenerPath where `netlink_gate.py` listens, as a path of the mount namespace
 */
export function loadSeccomp(listenerPath: string): SeccompConfig {
  const rules = [
    ...(readJson('seccomp-rules.json') as SeccompRule[]),
    ...(readJson('socket-options.json') as SocketOptions[]).flatMap(socketOptionRules),
  ];
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined)
    throw new Error(`there is no seccomp list for the architecture ${process.arch}`);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: [architecture],
    syscalls: rules,
    listenerPath,
  };
}

/** Options of one level that are treated alike. */
interface SocketOptions {
  readonly why: string;
  readonly level: number;
  readonly options: readonly number[];
  /** The call succeeds and changes nothing, as where the kernel holds a value that it does not take to its limits. */
  readonly ignored?: true;
}

function socketOptionRules({ level, options, ignored }: SocketOptions): SeccompRule[] {
  const action =
    ignored === true
      ? ({ action: 'SCMP_ACT_ERRNO', errnoRet: 0 } as const)
      : ({ action: 'SCMP_ACT_ALLOW' } as const);
  return options.map((option) => ({
    names: ['setsockopt'],
    ...action,
    args: [
      { index: 1, value: level, op: 'SCMP_CMP_EQ' },
      { index: 2, value: option, op: 'SCMP_CMP_EQ' },
    ],
  }));
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
}
