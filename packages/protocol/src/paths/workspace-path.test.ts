import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWorkspacePath } from './workspace-path.ts';

test('paths below the workspace are normalised', () => {
  const cases: [string, string][] = [
    ['', ''],
    ['a.txt', 'a.txt'],
    ['a//b/./c', 'a/b/c'],
    ['/workspace', ''],
    ['/workspace/', ''],
    ['/workspace/a/b', 'a/b'],
    ['a/...', 'a/...'],
    ['dir/', 'dir'],
    ['ü/日本', 'ü/日本'],
    ['caf\uefe9/\uefff', 'caf\uefe9/\uefff'],
    ['\uefff'.repeat(255), '\uefff'.repeat(255)],
  ];
  for (const [text, path] of cases) assert.deepEqual(parseWorkspacePath(text), { path }, text);
});

test('paths that lead elsewhere are refused with the reason', () => {
  const cases: [string, RegExp][] = [
    ['../etc/passwd', /"\.\."/],
    ['a/../../b', /"\.\."/],
    ['/workspace/../etc', /"\.\."/],
    ['/etc/passwd', /relative/],
    ['/workspaces/a', /relative/],
    ['a\0b', /null byte/],
    ['\ud800', /Unicode/],
    ['x'.repeat(256), /255 bytes/],
    ['\uefff'.repeat(256), /255 bytes/],
    ['caf\uefc3\uefa9', /single bytes/],
    ['abc/'.repeat(1100), /4000 bytes/],
  ];
  for (const [text, problem] of cases) {
    const parsed = parseWorkspacePath(text);
    assert.match('problem' in parsed ? parsed.problem : 'accepted', problem, text);
  }
});
