import assert from 'node:assert/strict';
import { test } from 'node:test';
import { languageOf } from './language-of-file.ts';

test('the language is told by the name, else by the first line', () => {
  const cases: [string, string, string | undefined][] = [
    ['a.py', '', 'python'],
    ['dir.d/A.PY', '', 'python'],
    ['a.js', '', 'javascript'],
    ['a.mjs', '', 'javascript'],
    ['a.cjs', '', 'javascript'],
    ['a.sh', '#!/usr/bin/env python3\n', 'shell'],
    ['tool', '#!/usr/bin/env python3\nprint(1)', 'python'],
    ['tool', '#!/usr/bin/env -S node --no-warnings\n', 'javascript'],
    ['tool', '#! /bin/bash -e\n', 'shell'],
    ['-', '#!/bin/sh', 'shell'],
    ['-', '#!/usr/bin/python3.11', 'python'],
    ['-', 'print(1)', undefined],
    ['tool', '#!/usr/bin/perl', undefined],
    ['tool', '#!/usr/bin/env', undefined],
    ['tool', '\n#!/bin/sh', undefined],
    ['a.txt', '', undefined],
  ];
  for (const [path, code, language] of cases)
    assert.equal(languageOf(path, code), language, `${path} ${code}`);
});
