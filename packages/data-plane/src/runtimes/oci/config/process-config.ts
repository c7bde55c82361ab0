import type { Resources } from '@caisson/protocol/ports';
import { fileSizeBytes } from '../../../limits/memory-file-systems.ts';
import { SANDBOX_USER } from '../../../templates/host-usr.ts';

/** `process` of the OCI runtime specification, in its version 1.0, as far as it is used here. */
export interface ProcessConfig {
  readonly terminal: boolean;
  readonly user: { readonly uid: number; readonly gid: number; readonly umask: number };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: Readonly<Record<CapabilitySet, readonly string[]>>;
  readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  readonly noNewPrivileges: boolean;
  /** Higher is killed earlier when memory runs out; see proc_pid_oom_score_adj(5). */
  readonly oomScoreAdj: number;
}

type CapabilitySet = 'bounding' | 'effective' | 'inheritable' | 'permitted' | 'ambient';

export const BASE_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/workspace',
  USER: SANDBOX_USER.name,
  LANG: 'C.UTF-8',
  TMPDIR: '/tmp',
  // Caches are not worth keeping, and the workspace is for the caller's own files.
  XDG_CACHE_HOME: '/tmp/.cache',
  XDG_CONFIG_HOME: '/tmp/.config',
};

/** Of one process. The host has a limit for all files: one sandbox can take this times its processes. */
export const OPEN_FILES = 1024;

/**
 * How one process of a sandbox runs. The first process and every later one have the same user, capabilities (none),
 * no_new_privs and limits, since all are made here.
 */
export function processConfig(request: {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly resources: Resources;
  readonly oomScoreAdj: number;
}): ProcessConfig {
  return {
    terminal: false,
    user: { uid: SANDBOX_USER.uid, gid: SANDBOX_USER.gid, umask: 0o022 },
    args: request.argv,
    env: variables({ ...BASE_ENVIRONMENT, ...request.env }),
    cwd: request.cwd,
    capabilities: capabilities([]),
    rlimits: [...RLIMITS, limit('RLIMIT_FSIZE', fileSizeBytes(request.resources))],
    noNewPrivileges: true,
    oomScoreAdj: request.oomScoreAdj,
  };
}

/** How the fork server of a runner runs: its cells inherit the limits, and drop the capabilities once their walls stand. */
export function forkServerConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): ProcessConfig {
  return {
    terminal: false,
    user: { uid: 0, gid: 0, umask: 0o077 },
    args: argv,
    env: variables(env),
    cwd: '/',
    capabilities: capabilities(FORK_SERVER_CAPABILITIES),
    rlimits: RLIMITS,
    noNewPrivileges: true,
    oomScoreAdj: FORK_SERVER_OOM_SCORE_ADJ,
  };
}

/** As the first process of a sandbox: if it is killed, everything in it ends. */
const FORK_SERVER_OOM_SCORE_ADJ = 0;

/** All hold in the runner's own user namespace only. */
const FORK_SERVER_CAPABILITIES = [
  // Namespaces and mounts of the cells.
  'CAP_SYS_ADMIN',
  // An id of its own for each cell.
  'CAP_SETUID',
  'CAP_SETGID',
  // Less for itself than root has.
  'CAP_SETPCAP',
  // The loopback of a cell.
  'CAP_NET_ADMIN',
  // Ending cells, whose ids are not its own.
  'CAP_KILL',
];

/** Of every process, apart from the size of files. */
const RLIMITS = [
  limit('RLIMIT_NOFILE', OPEN_FILES),
  limit('RLIMIT_CORE', 0),
  limit('RLIMIT_MEMLOCK', 65_536),
  // POSIX message queues are refused.
  limit('RLIMIT_MSGQUEUE', 0),
  // Queued signals and timers.
  limit('RLIMIT_SIGPENDING', 128),
];

function limit(type: string, value: number): ProcessConfig['rlimits'][number] {
  return { type, soft: value, hard: value };
}

function variables(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

function capabilities(names: readonly string[]): ProcessConfig['capabilities'] {
  return { bounding: names, effective: names, permitted: names, inheritable: [], ambient: [] };
}
