/** One wall, and how to take it away. */
export interface Mutation {
  /** Its name, which begins with where it stands. */
  readonly wall: string;
  readonly edits: readonly Edit[];
  /** What should notice, the likeliest first: as soon as one does, the rest is left out. */
  readonly tests: readonly Tests[];
}

/** Replaces the one place in the file where `find` stands. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Those tests of a file whose full name matches. */
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

/** The same tests of walls, but only that of this name. */
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

/** @param change TypeScript statements that change `process`, how the first and every later process of a sandbox runs */
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

/** Takes one of the limits away that the user namespace of a container has. */
export function withoutNamespaceLimit(name: string): Edit {
  return {
    file: CONTAINER,
    find: 'limits: namespaceLimits,',
    replace: `limits: Object.fromEntries(Object.entries(namespaceLimits).filter(([name]) => name !== '${name}')),`,
  };
}

/** In the program that makes the walls of cells. */
export function inForkServer(module: string, find: string, replace: string): Edit {
  return { file: `${PYTHON}/${module}.py`, find, replace };
}
