import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePreload } from './preloads.ts';

test('code gets the smallest runner that has what it names', () => {
  const cases: [string, string][] = [
    ['print(1)', 'core'],
    ['import json, re\nprint(json.dumps({}))', 'core'],
    ['from urllib.parse import quote', 'standard'],
    ['import asyncio', 'standard'],
    ['import random', 'standard'],
    ['import pandas as pd', 'data'],
    ['import asyncio, numpy', 'data'],
    ['my_asyncio_name = 1', 'core'],
  ];
  for (const [code, name] of cases) assert.equal(choosePreload(code).name, name, code);
});
