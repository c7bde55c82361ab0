import type { Resources } from '@caisson/protocol';
import { TMP_BYTES } from '../../limits/memory-file-systems.ts';
import { SANDBOX_USER } from '../../templates/host-usr.ts';

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

const OPEN_FILES = 4096;

/**
 * How one process of a sandbox runs: the same user, capabilities (none), no_new_privs and limits for the first
 * process and for every later one, since all are made here.
 */
export function processConfig(request: {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly resources: Resources;
  /** Higher is killed earlier when memory runs out; see proc_pid_oom_score_adj(5). */
  readonly oomScoreAdj: number;
}): ProcessConfig {
  const limit = (type: string, value: number) => ({ type, soft: value, hard: value });
  return {
    terminal: false,
    user: { uid: SANDBOX_USER.uid, gid: SANDBOX_USER.gid, umask: 0o022 },
    args: request.argv,
    env: Object.entries({ ...BASE_ENVIRONMENT, ...request.env }).map(([name, value]) => `${name}=${value}`),
    cwd: request.cwd,
    capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
    rlimits: [
      limit('RLIMIT_NOFILE', OPEN_FILES),
      limit('RLIMIT_FSIZE', Math.max(request.resources.diskBytes, TMP_BYTES)),
      limit('RLIMIT_CORE', 0),
      limit('RLIMIT_MEMLOCK', 65_536),
      limit('RLIMIT_MSGQUEUE', 65_536),
      limit('RLIMIT_SIGPENDING', 1024),
    ],
    noNewPrivileges: true,
    oomScoreAdj: request.oomScoreAdj,
  };
}
