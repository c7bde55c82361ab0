import { hash, randomBytes } from 'node:crypto';

const PREFIX = 'csn_';
const KEY_BYTES = 32;
const PATTERN = /^csn_[A-Za-z0-9_-]{43}$/;

/** A new key of 256 random bits. */
export function newApiKey(random: (bytes: number) => Buffer = randomBytes): string {
  return PREFIX + random(KEY_BYTES).toString('base64url');
}

export function isApiKey(text: string): boolean {
  return PATTERN.test(text);
}

/**
 * The hash that is stored instead of a key. Plain SHA-256 is sufficient: slow, salted hashes protect guessable secrets that
 * people choose, whereas 256 random bits cannot be found from their hash, and every request has to compute it.
 */
export function hashApiKey(key: string): string {
  return hash('sha256', key, 'hex');
}
