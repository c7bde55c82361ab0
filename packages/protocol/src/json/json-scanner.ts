/** Limits on the work that a JSON text can cause. */
export interface JsonLimits {
  /** Nesting depth of arrays and objects. */
  readonly maxDepth: number;
  /** Number of values and keys together. */
  readonly maxValues: number;
  /** Whether line breaks and tabs are allowed between values; without them the text is a single line. */
  readonly lineBreaks: boolean;
}

export type JsonProblem = 'invalid' | 'too_deep' | 'too_many_values';

/** Initial capacity: few texts are nested deeper. */
const FIRST_DEPTH = 16;

/** What may follow. The states of a number are those of the grammar in RFC 8259, section 6. */
const VALUE = 0;
const VALUE_OR_END = 1;
const KEY_OR_END = 2;
const KEY = 3;
const COLON = 4;
const COMMA_OR_END = 5;
const STRING = 6;
const ESCAPE = 7;
const HEX = 8;
const LITERAL = 9;
const MINUS = 10;
const ZERO = 11;
const INTEGER = 12;
const POINT = 13;
const FRACTION = 14;
const EXPONENT = 15;
const EXPONENT_SIGN = 16;
const EXPONENT_DIGITS = 17;

const [TAB, LINE_FEED, CARRIAGE_RETURN, SPACE, QUOTE, COMMA] = [0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2c];
const [DIGIT_0, DIGIT_9, COLON_SIGN, BACKSLASH] = [0x30, 0x39, 0x3a, 0x5c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];
const ESCAPED = new Set(new TextEncoder().encode('"\\/bfnrt'));
const LITERALS = new Map(['true', 'false', 'null'].map((text) => [text.charCodeAt(0), text]));

/**
 * Validates JSON (RFC 8259) byte by byte as it arrives, in constant memory and before any of it is parsed. It does not check
 * that strings are valid UTF-8.
 */
export class JsonScanner {
  readonly #limits: JsonLimits;
  /** Whether each open array or object is an object. */
  #isObject = new Uint8Array(FIRST_DEPTH);
  #depth = 0;
  #deepest = 0;
  #values = 0;
  #state = VALUE;
  #isKey = false;
  #hexLeft = 0;
  #literal = '';
  #literalAt = 0;
  #problem: JsonProblem | undefined;

  constructor(limits: JsonLimits) {
    this.#limits = limits;
  }

  /** The first problem in the text so far. */
  get problem(): JsonProblem | undefined {
    return this.#problem;
  }

  /** The greatest nesting depth so far. */
  get deepest(): number {
    return this.#deepest;
  }

  /** Takes the next bytes of the text. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#problem === undefined; at += 1) {
      if (this.#state === STRING) at = endOfPlainText(bytes, at);
      const byte = bytes[at];
      if (byte !== undefined) this.#take(byte);
    }
  }

  /** Ends the text. Returns its first problem. */
  end(): JsonProblem | undefined {
    if (isEndOfNumber(this.#state)) this.#state = COMMA_OR_END;
    if (this.#depth > 0 || this.#state !== COMMA_OR_END) this.#problem ??= 'invalid';
    return this.#problem;
  }

  #take(byte: number): void {
    const state = this.#state;
    if (state >= MINUS) this.#takeInNumber(byte);
    else if (state >= STRING) this.#takeInText(byte);
    else if (!this.#isSpace(byte)) this.#takeBetween(byte);
  }

  #isSpace(byte: number): boolean {
    if (byte === SPACE) return true;
    return this.#limits.lineBreaks && (byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB);
  }

  #takeBetween(byte: number): void {
    switch (this.#state) {
      case VALUE_OR_END:
        if (byte === CLOSE_BRACKET) this.#close();
        else this.#beginValue(byte);
        return;
      case VALUE:
        this.#beginValue(byte);
        return;
      case KEY_OR_END:
      case KEY:
        if (byte === QUOTE) this.#beginString(true);
        else if (byte === CLOSE_BRACE && this.#state === KEY_OR_END) this.#close();
        else this.#problem = 'invalid';
        return;
      case COLON:
        if (byte === COLON_SIGN) this.#state = VALUE;
        else this.#problem = 'invalid';
        return;
      default:
        this.#takeAfterValue(byte);
    }
  }

  #takeAfterValue(byte: number): void {
    const inObject = this.#isObject[this.#depth - 1] === 1;
    if (this.#depth === 0) this.#problem = 'invalid';
    else if (byte === COMMA) this.#state = inObject ? KEY : VALUE;
    else if (byte === (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) this.#close();
    else this.#problem = 'invalid';
  }

  #beginValue(byte: number): void {
    if (byte === QUOTE) {
      this.#beginString(false);
      return;
    }
    this.#count();
    const literal = LITERALS.get(byte);
    if (byte === OPEN_BRACE) this.#open(true);
    else if (byte === OPEN_BRACKET) this.#open(false);
    else if (literal !== undefined) {
      this.#literal = literal;
      this.#literalAt = 1;
      this.#state = LITERAL;
    } else if (byte === 0x2d) this.#state = MINUS;
    else if (byte === DIGIT_0) this.#state = ZERO;
    else if (isDigit(byte)) this.#state = INTEGER;
    else this.#problem = 'invalid';
  }

  #beginString(isKey: boolean): void {
    this.#count();
    this.#isKey = isKey;
    this.#state = STRING;
  }

  #count(): void {
    this.#values += 1;
    if (this.#values > this.#limits.maxValues) this.#problem = 'too_many_values';
  }

  #open(isObject: boolean): void {
    if (this.#depth === this.#limits.maxDepth) {
      this.#problem = 'too_deep';
      return;
    }
    if (this.#depth === this.#isObject.length) {
      const deeper = new Uint8Array(2 * this.#depth);
      deeper.set(this.#isObject);
      this.#isObject = deeper;
    }
    this.#isObject[this.#depth] = isObject ? 1 : 0;
    this.#depth += 1;
    this.#deepest = Math.max(this.#deepest, this.#depth);
    this.#state = isObject ? KEY_OR_END : VALUE_OR_END;
  }

  #close(): void {
    this.#depth -= 1;
    this.#state = COMMA_OR_END;
  }

  #takeInText(byte: number): void {
    switch (this.#state) {
      case STRING:
        if (byte === QUOTE) this.#state = this.#isKey ? COLON : COMMA_OR_END;
        else if (byte === BACKSLASH) this.#state = ESCAPE;
        else this.#problem = 'invalid';
        return;
      case ESCAPE:
        if (byte === 0x75) {
          this.#hexLeft = 4;
          this.#state = HEX;
        } else if (ESCAPED.has(byte)) this.#state = STRING;
        else this.#problem = 'invalid';
        return;
      case HEX:
        if (!isHexDigit(byte)) this.#problem = 'invalid';
        this.#hexLeft -= 1;
        if (this.#hexLeft === 0) this.#state = STRING;
        return;
      default:
        if (byte !== this.#literal.charCodeAt(this.#literalAt)) this.#problem = 'invalid';
        this.#literalAt += 1;
        if (this.#literalAt === this.#literal.length) this.#state = COMMA_OR_END;
    }
  }

  #takeInNumber(byte: number): void {
    const next = afterInNumber(this.#state, byte);
    if (next !== undefined) {
      this.#state = next;
      return;
    }
    if (!isEndOfNumber(this.#state)) {
      this.#problem = 'invalid';
      return;
    }
    this.#state = COMMA_OR_END;
    this.#take(byte);
  }
}

/** The first problem of a complete text. */
export function findJsonProblem(bytes: Uint8Array, limits: JsonLimits): JsonProblem | undefined {
  const scanner = new JsonScanner(limits);
  scanner.write(bytes);
  return scanner.end();
}

/** The end of plain text within a string: a quote, a backslash or a control character. */
function endOfPlainText(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE || byte === BACKSLASH || byte < SPACE) return at;
  }
  return bytes.length;
}

/** The state of a number after `byte`; `undefined` if `byte` is not part of the number. */
function afterInNumber(state: number, byte: number): number | undefined {
  const digit = isDigit(byte);
  switch (state) {
    case MINUS:
      if (!digit) return undefined;
      return byte === DIGIT_0 ? ZERO : INTEGER;
    case ZERO:
    case INTEGER:
      if (digit) return state === INTEGER ? INTEGER : undefined;
      return byte === 0x2e ? POINT : exponentAt(byte);
    case POINT:
      return digit ? FRACTION : undefined;
    case FRACTION:
      return digit ? FRACTION : exponentAt(byte);
    case EXPONENT:
      if (byte === 0x2b || byte === 0x2d) return EXPONENT_SIGN;
      return digit ? EXPONENT_DIGITS : undefined;
    default:
      return digit ? EXPONENT_DIGITS : undefined;
  }
}

function exponentAt(byte: number): number | undefined {
  return (byte | SPACE) === 0x65 ? EXPONENT : undefined;
}

function isEndOfNumber(state: number): boolean {
  return state === ZERO || state === INTEGER || state === FRACTION || state === EXPONENT_DIGITS;
}

function isDigit(byte: number): boolean {
  return byte >= DIGIT_0 && byte <= DIGIT_9;
}

function isHexDigit(byte: number): boolean {
  const lower = byte | SPACE;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}
