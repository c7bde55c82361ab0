import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesOfName, isCanonicalName, nameOfBytes } from './file-names.ts';

const RUNS = { numRuns: 2000 };
/** Bytes of which many are the beginnings, middles and ends of characters, also of those that stand for bytes. */
const bytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 3 }),
      fc.string({ unit: 'binary', maxLength: 3 }).map((text) => Buffer.from(text.toWellFormed())),
      fc.constantFrom([0xee], [0xbe], [0xbf], [0x80], [0xee, 0xbe, 0x80], [0xee, 0xbf, 0xbf], [0xf4, 0x90]),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part))));

test('ordinary names stand for themselves', () => {
  for (const name of [
    'a.txt',
    'ü 日本 😀',
    '%e9',
    '\\xff',
    '\ufffd',
    '\ufeffbom',
    '\ue000',
    'e\u0301',
    '\n"',
    '',
  ]) {
    assert.equal(nameOfBytes(Buffer.from(name)), name);
    assert.deepEqual(Buffer.from(bytesOfName(name)), Buffer.from(name));
  }
});

test('bytes that are not UTF-8 are told one by one, and so are the characters that tell them', () => {
  const cases: [number[], string][] = [
    [[0xff, 0xfe], '\uefff\ueffe'],
    [[...Buffer.from('caf'), 0xe9, ...Buffer.from('.txt')], 'caf\uefe9.txt'],
    // Cut off, too long for what it says, a surrogate, beyond the last character.
    [[0xc3], '\uefc3'],
    [[0xc0, 0xaf], '\uefc0\uefaf'],
    [[0xe0, 0x80, 0xaf], '\uefe0\uef80\uefaf'],
    [[0xed, 0xa0, 0x80], '\uefed\uefa0\uef80'],
    [[0xf4, 0x90, 0x80, 0x80], '\ueff4\uef90\uef80\uef80'],
    [[0xee, 0xbe, 0x80], '\uefee\uefbe\uef80'],
    [[...Buffer.from('é'), 0xe9], 'é\uefe9'],
  ];
  for (const [raw, name] of cases) {
    assert.equal(nameOfBytes(Buffer.from(raw)), name);
    assert.deepEqual(Buffer.from(bytesOfName(name)), Buffer.from(raw));
  }
});

test('every byte string comes back from its name, which is well-formed and the only one', () => {
  fc.assert(
    fc.property(bytes, (raw) => {
      const name = nameOfBytes(raw);
      assert.ok(name.isWellFormed());
      assert.ok(isCanonicalName(name));
      assert.deepEqual(Buffer.from(bytesOfName(name)), raw);
      if (isUtf8(raw) && !/[\uef80-\uefff]/.test(raw.toString())) assert.equal(name, raw.toString());
    }),
    RUNS,
  );
});

test('of several spellings of the same bytes one alone is canonical', () => {
  assert.equal(isCanonicalName('\uefc3\uefa9'), false);
  assert.equal(isCanonicalName('\uefee\uefbe\uef80'), true);
  const unit = fc.constantFrom('\uefc3', '\uefa9', '\uefee', '\uefbe', '\uef80', 'é', 'a', '\uefe1');
  const text = fc.array(unit, { maxLength: 4 }).map((units) => units.join(''));
  fc.assert(
    fc.property(text, text, (one, other) => {
      if (!isCanonicalName(one) || !isCanonicalName(other)) return;
      assert.equal(Buffer.compare(bytesOfName(one), bytesOfName(other)) === 0, one === other);
    }),
    { numRuns: 20_000 },
  );
});

test('no name of bytes hides a slash, a dot or a null byte', () => {
  const dangerous = /[/.\0]/;
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const wellFormed = text.toWellFormed();
      assert.equal(
        dangerous.test(Buffer.from(bytesOfName(wellFormed)).toString('latin1')),
        dangerous.test(wellFormed),
      );
    }),
    RUNS,
  );
});
