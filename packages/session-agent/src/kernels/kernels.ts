import type { Language } from '@caisson/protocol/api';

/** Paths in the sandbox. */
export interface KernelLayout {
  readonly nodePath: string;
  readonly kernelsDirectory: string;
  readonly acornPath: string;
}

export const SANDBOX_LAYOUT: KernelLayout = {
  nodePath: '/opt/caisson/bin/node',
  kernelsDirectory: '/opt/caisson/kernels',
  acornPath: '/opt/caisson/lib/acorn.js',
};

export interface KernelLaunch {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

interface Kernel {
  /** How to start it. `memoryLimitBytes` is that of the sandbox, if known. */
  launch(layout: KernelLayout, memoryLimitBytes: number | undefined): KernelLaunch;
}

/** A new language is a row here and a folder beside this file. */
export const KERNELS: Readonly<Record<Language, Kernel>> = {
  python: {
    // Unbuffered, so that prints stay in order with output of native code and subprocesses.
    launch: ({ kernelsDirectory }) => ({
      argv: ['/usr/bin/python3', '-I', '-S', '-u', '-X', 'utf8', `${kernelsDirectory}/python/kernel.py`],
      env: {},
    }),
  },
  javascript: {
    launch: ({ nodePath, kernelsDirectory, acornPath }, memoryLimitBytes) => ({
      argv: [
        nodePath,
        ...heapLimit(memoryLimitBytes),
        ...QUIET,
        `${kernelsDirectory}/javascript/kernel.cjs`,
        acornPath,
      ],
      // Made by setup.sh; portable, because the kernel is mounted elsewhere than where it was compiled.
      env: {
        NODE_COMPILE_CACHE: `${kernelsDirectory}/javascript/.compile-cache`,
        NODE_COMPILE_CACHE_PORTABLE: '1',
      },
    }),
  },
  shell: {
    launch: ({ kernelsDirectory }) => ({
      argv: ['/bin/bash', '--noprofile', '--norc', `${kernelsDirectory}/shell/kernel.sh`],
      env: {},
    }),
  },
};

/** Hides a warning about the loader that the kernel itself uses. */
const QUIET = ['--disable-warning=ExperimentalWarning'];

function heapLimit(memoryLimitBytes: number | undefined): string[] {
  return memoryLimitBytes === undefined
    ? []
    : [`--max-old-space-size=${Math.floor(memoryLimitBytes / 2 ** 20)}`];
}
