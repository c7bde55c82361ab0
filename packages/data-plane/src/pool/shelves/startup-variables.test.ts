import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsFreshKernel } from './startup-variables.ts';

for (const name of [
  'LD_PRELOAD',
  'NODE_OPTIONS',
  'NODE_ENV',
  'LANG',
  'LC_ALL',
  'TZ',
  'BASH_ENV',
  'SHELLOPTS',
  'UID',
]) {
  test(`${name} has to be there when the kernel starts`, () => {
    assert.equal(needsFreshKernel({ GREETING: 'hello', [name]: '1' }), true);
  });
}
for (const name of ['GREETING', 'OPENAI_API_KEY', 'PATH', 'HOME', 'MY_LANG', 'UIDS']) {
  test(`${name} can be given later`, () => {
    assert.equal(needsFreshKernel({ [name]: '1' }), false);
  });
}
