/** Modules that a fork server imports before it forks, all of them the template's own. */
export interface Preload {
  readonly name: 'standard' | 'data';
  readonly modules: readonly string[];
}

/** What the kernel itself comes to need, and what most code asks for first. */
const STANDARD_MODULES = [
  ...['caisson_kernel.loop', 'caisson_kernel.code', 'caisson_kernel.display', 'caisson_kernel.failure'],
  ...['caisson_kernel.handler', 'caisson_kernel.json_value'],
  ...[
    'abc',
    'argparse',
    'ast',
    'asyncio',
    'base64',
    'bisect',
    'calendar',
    'collections',
    'concurrent.futures',
  ],
  ...[
    'contextlib',
    'copy',
    'csv',
    'ctypes',
    'dataclasses',
    'datetime',
    'decimal',
    'difflib',
    'enum',
    'fractions',
  ],
  ...[
    'functools',
    'glob',
    'gzip',
    'hashlib',
    'heapq',
    'html',
    'inspect',
    'io',
    'itertools',
    'json',
    'linecache',
  ],
  ...[
    'logging',
    'math',
    'operator',
    'os',
    'pathlib',
    'pickle',
    'platform',
    'pprint',
    'queue',
    'random',
    're',
  ],
  ...[
    'secrets',
    'shutil',
    'signal',
    'socket',
    'sqlite3',
    'statistics',
    'string',
    'struct',
    'subprocess',
    'sys',
  ],
  ...[
    'tempfile',
    'textwrap',
    'threading',
    'time',
    'traceback',
    'types',
    'typing',
    'unicodedata',
    'urllib.parse',
  ],
  ...['urllib.request', 'uuid', 'warnings', 'weakref', 'zipfile', 'zoneinfo'],
];

const DATA_MODULES = ['numpy', 'numpy.random', 'pandas', 'matplotlib', 'matplotlib.pyplot'];

const STANDARD: Preload = { name: 'standard', modules: STANDARD_MODULES };
/** Each fork copies the tables of all memory in use, so those who do not ask for these do not pay for them. */
const DATA: Preload = { name: 'data', modules: [...STANDARD_MODULES, ...DATA_MODULES] };

const IMPORTS_DATA_MODULE = /\b(?:numpy|pandas|matplotlib|seaborn|scipy|sklearn)\b/;

/** Where `code` will start soonest. A guess by its text: where it is wrong, modules are imported as anywhere else. */
export function choosePreload(code: string): Preload {
  return IMPORTS_DATA_MODULE.test(code) ? DATA : STANDARD;
}
