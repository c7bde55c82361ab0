import type { Preload } from '../../../cells/fork-server/fork-server.ts';

/** What the kernel itself comes to need, and what is small and asked for by most code. */
const CORE_MODULES = [
  ...['caisson_kernel.loop', 'caisson_kernel.code', 'caisson_kernel.display', 'caisson_kernel.failure'],
  ...['caisson_kernel.handler', 'caisson_kernel.json_value'],
  ...'abc ast base64 bisect collections contextlib copy datetime enum functools heapq io itertools json'.split(
    ' ',
  ),
  ...'linecache math operator os re string struct sys textwrap time traceback types typing'.split(' '),
  ...'warnings weakref'.split(' '),
];

/** What much code asks for, and what takes more memory than an average job itself. */
const STANDARD_MODULES = [
  ...'argparse asyncio calendar concurrent.futures csv ctypes dataclasses decimal difflib fractions glob'.split(
    ' ',
  ),
  ...'gzip hashlib html inspect logging pathlib pickle platform pprint queue random secrets shutil'.split(
    ' ',
  ),
  ...'signal socket sqlite3 statistics subprocess tempfile threading unicodedata urllib.parse'.split(' '),
  ...'urllib.request uuid zipfile zoneinfo'.split(' '),
];

const DATA_MODULES = 'numpy numpy.random pandas matplotlib matplotlib.pyplot'.split(' ');

/** Each fork copies the tables of all memory in use, so those who do not ask for the larger ones do not pay for them. */
const CORE: Preload = { name: 'core', modules: CORE_MODULES };
const STANDARD: Preload = { name: 'standard', modules: [...CORE_MODULES, ...STANDARD_MODULES] };
const DATA: Preload = { name: 'data', modules: [...STANDARD.modules, ...DATA_MODULES] };

const IMPORTS_DATA_MODULE = /\b(?:numpy|pandas|matplotlib|seaborn|scipy|sklearn)\b/;
const IMPORTS_STANDARD_MODULE = new RegExp(
  `\\b(?:${[...new Set(STANDARD_MODULES.map((name) => name.split('.')[0]))].join('|')})\\b`,
);

/** The preload with which Python code is likely to start soonest. A guess by its text: if it is wrong, the code imports modules itself. */
export function choosePreload(code: string): Preload {
  if (IMPORTS_DATA_MODULE.test(code)) return DATA;
  return IMPORTS_STANDARD_MODULE.test(code) ? STANDARD : CORE;
}
