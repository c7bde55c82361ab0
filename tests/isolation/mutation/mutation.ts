/** One wall, and how to remove it. */
export interface Mutation {
  /** Its name, with its location first. */
  readonly wall: string;
  readonly edits: readonly Edit[];
  /** Tests that should notice, the most likely first. The rest is skipped once one does. */
  readonly tests: readonly Tests[];
}

/** Replaces the only occurrence of `find` in the file. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Tests of a file whose full name matches. */
export interface Tests {
  readonly file: string;
  readonly pattern: string;
}

const OCI = 'packages/data-plane/src/runtimes/oci';
const CONTAINER = `${OCI}/container/container.ts`;
const SPAWNER = `${OCI}/oci-spawner.ts`;
const PYTHON = 'packages/session-agent/src/kernels/python/caisson_fork_server';

const inFile = (file: string, pattern: string): Tests => ({
  file: `tests/isolation/${file}.test.ts`,
  pattern,
});
export const WALLS_OF_SANDBOX = inFile('every-wall', 'each wall of a sandbox of crun');
export const WALLS_OF_CELL = inFile('every-wall', 'each wall of a cell of crun');
export const EVERY_PROCESS = inFile('every-process', 'every process of a crun sandbox');
export const SANDBOX = inFile('walls', 'the walls of a crun sandbox');
export const CELLS = inFile('cells', 'two cells of one tenant, in a runner of crun');

/** The same tests, limited to those with this name. */
export function only({ file, pattern }: Tests, name: string): Tests {
  return { file, pattern: `${pattern} ${name}` };
}

/** @param change TypeScript statements that change `config`, the `config.json` of a container */
export function inConfig(kind: 'sandbox' | 'runner', change: string): Edit {
  const isSandbox = "config.mounts.some((each: any) => each.destination === '/workspace')";
  const condition = kind === 'sandbox' ? isSandbox : `!${isSandbox}`;
  return {
    file: CONTAINER,
    find: 'JSON.stringify(config)',
    replace: `JSON.stringify(((config: any) => { if (${condition}) { ${change} } return config; })(structuredClone(config)))`,
  };
}

/** @param change TypeScript statements that change `process`, the settings of the first and all later processes of a sandbox */
export function inProcess(change: string): Edit[] {
  return [
    inConfig('sandbox', `const process = config.process; ${change}`),
    {
      file: SPAWNER,
      find: 'JSON.stringify(config)',
      replace: `JSON.stringify(((process: any) => { ${change} return process; })(structuredClone(config)))`,
    },
  ];
}

/** Removes one of the limits of a container's user namespace. */
export function withoutNamespaceLimit(name: string): Edit {
  return {
    file: CONTAINER,
    find: 'limits: namespaceLimits,',
    replace: `limits: Object.fromEntries(Object.entries(namespaceLimits).filter(([name]) => name !== '${name}')),`,
  };
}

/** An edit of the program that builds the walls of cells. */
export function inForkServer(module: string, find: string, replace: string): Edit {
  return { file: `${PYTHON}/${module}.py`, find, replace };
}
