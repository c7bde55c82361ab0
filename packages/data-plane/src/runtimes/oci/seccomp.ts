import { readFileSync } from 'node:fs';

/** `linux.seccomp` of the OCI runtime specification 1.0. */
export interface SeccompConfig {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

interface SeccompRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly { index: number; value: number; valueTwo?: number; op: string }[];
}

/** Only the host's own: a call by the tables of another, such as the 32-bit ones of x86-64, ends the process. */
const ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
};

const EPERM = 1;

/** The allow-list of `seccomp-rules.json`, for this host's architecture. */
export function loadSeccomp(): SeccompConfig {
  const path = new URL('seccomp-rules.json', import.meta.url);
  const rules = JSON.parse(readFileSync(path, 'utf8')) as SeccompRule[];
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined)
    throw new Error(`there is no seccomp list for the architecture ${process.arch}`);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: [architecture],
    syscalls: rules,
  };
}
