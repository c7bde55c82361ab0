import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MarkerScanner } from './marker-scanner.ts';

const marker = Buffer.from('\0abab\n');
const text = Buffer.from('one\0ab two\0abab\nafter');

for (let size = 1; size <= text.length; size += 1) {
  test(`the marker is found in chunks of ${size}`, () => {
    const scanner = new MarkerScanner(marker);
    let before = '';
    let after: string | undefined;
    for (let at = 0; at < text.length; at += size) {
      const chunk = text.subarray(at, at + size);
      if (after !== undefined) {
        after += chunk.toString();
        continue;
      }
      const scanned = scanner.scan(chunk);
      before += scanned.before.toString();
      after = scanned.after?.toString();
    }
    assert.equal(before, 'one\0ab two');
    assert.equal(after, 'after');
  });
}

test('what only looked like the beginning of the marker is given back', () => {
  const scanner = new MarkerScanner(marker);
  assert.equal(scanner.scan(Buffer.from('x\0ab')).before.toString(), 'x');
  assert.equal(scanner.flush().toString(), '\0ab');
});
