import { builtinModules } from 'node:module';

/**
 * Imports run one way:
 *   cli → sdk → protocol · console → protocol · control-plane → protocol · data-plane → session-agent → protocol
 * and only a composition root, a `main.ts`, may see several planes.
 */
const MAY_IMPORT = {
  protocol: [],
  'session-agent': ['protocol'],
  'data-plane': ['session-agent', 'protocol'],
  'control-plane': ['protocol'],
  cli: ['sdk', 'protocol'],
  sdk: ['protocol'],
  console: ['protocol'],
};

const COMPOSITION_ROOT = '^packages/[^/]+/src/main\\.ts$';
/** Tests of one plane may stand on the other as it really is. */
const TEST_SUPPORT = '^packages/[^/]+/src/testing/';

/** `index.ts` of protocol is both entry points in one. */
const FRONT_DOORS = ['^packages/[^/]+/src/index\\.ts$', '^packages/protocol/src/(api|ports)\\.ts$'];

const BROWSER_SAFE = '^packages/(protocol/src/api|sdk/src/index)\\.ts$';
const NODE_MODULES = `^(node:|(${builtinModules.join('|')})$)`;

const directions = Object.entries(MAY_IMPORT).map(([name, allowed]) => ({
  name: `${name}-imports-one-way`,
  comment: `${name} may import ${allowed.length === 0 ? 'no other package' : allowed.join(' and ')}`,
  severity: 'error',
  from: { path: `^packages/${name}/`, pathNot: [COMPOSITION_ROOT, TEST_SUPPORT] },
  to: { path: '^packages/', pathNot: [name, ...allowed].map((other) => `^packages/${other}/`) },
}));

export default {
  forbidden: [
    ...directions,
    {
      name: 'through-the-front-door',
      comment:
        'Another package is imported by its name: its index.ts, or for protocol one of its two entry points',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/[^/]+/', pathNot: ['^packages/$1/', ...FRONT_DOORS] },
    },
    {
      name: 'browser-safe',
      comment:
        'The API of the protocol and the SDK run in browsers: nothing that they reach imports a module of Node',
      severity: 'error',
      from: { path: BROWSER_SAFE },
      to: { reachable: true, path: NODE_MODULES },
    },
    {
      name: 'sdk-imports-the-api-alone',
      comment: "The planes' ports are not for callers of the API",
      severity: 'error',
      from: { path: '^packages/sdk/' },
      to: { path: '^packages/protocol/', pathNot: '^packages/protocol/src/api\\.ts$' },
    },
    {
      name: 'nobody-imports-a-composition-root',
      severity: 'error',
      from: {},
      to: { path: COMPOSITION_ROOT },
    },
    {
      name: 'databases-behind-their-port',
      comment:
        'Only the composition knows which database there is; the rest of the store knows the port, store/database.ts',
      severity: 'error',
      from: {
        path: '^packages/control-plane/',
        pathNot: [
          '^packages/control-plane/src/store/sqlite/',
          '^packages/control-plane/src/control-plane\\.ts$',
          '\\.(test|testing)\\.ts$',
        ],
      },
      to: { path: '^packages/control-plane/src/store/sqlite/' },
    },
    {
      name: 'runtimes-by-their-line',
      comment: 'What a runtime has of its own is known to its folder, and to its line in runtime-families.ts',
      severity: 'error',
      from: {
        path: '^packages/data-plane/src/',
        pathNot: '^packages/data-plane/src/runtimes/([^/]+/|runtime-families\\.ts$)',
      },
      to: { path: '^packages/data-plane/src/runtimes/[^/]+/' },
    },
    {
      name: 'no-cycles',
      comment: 'Types alone may refer to each other: nothing of them is left when the code runs',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'not-resolvable',
      comment: 'A misspelt or missing dependency must not slip past the other rules',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/kernels/[^/]+/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
