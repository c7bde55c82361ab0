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
 * What is stored of a key. A plain SHA-256 is right here: a slow, salted hash protects secrets that people choose and
 * that can be guessed, whereas 256 random bits cannot be found from their hash however fast it is computed, and every
 * request has to compute it.
 */
export function hashApiKey(key: string): string {
  return hash('sha256', key, 'hex');
}
