import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileCount, imageBytes, usableBytes } from './image-size.ts';

const MIB = 2 ** 20;

test('an image is larger than the room in it, relatively less the larger it is', () => {
  const sizes = [MIB, 256 * MIB, 1024 * MIB, 65_536 * MIB];
  const shares = sizes.map((size) => imageBytes(size) / size - 1);
  assert.deepEqual(
    shares,
    shares.toSorted((one, other) => other - one),
  );
  assert.ok(shares.every((share) => share > 0.03));
  assert.ok((shares[1] ?? 1) < 0.07, String(shares[1]));
  for (const size of sizes) assert.equal(imageBytes(size) % 4096, 0);
});

test('the image of the largest room fits, and one page more does not', () => {
  for (const bytes of [300 * MIB, 1024 * MIB, 70_000 * MIB]) {
    const room = usableBytes(bytes);
    assert.ok(imageBytes(room) <= bytes);
    assert.ok(imageBytes(room + 2 * 4096) > bytes);
  }
  assert.equal(usableBytes(0), 0);
  assert.equal(usableBytes(MIB), 0);
});

test('the number of files is limited by the size, but is at least 1024', () => {
  assert.deepEqual([fileCount(MIB), fileCount(1024 * MIB)], [1024, 131_072]);
});
