import { type Hash, hashFrom } from '../core/brands.js';

/** A hash as things have that are told apart by a name alone. */
export function namedHash(name: string): Hash {
  const digits = Array.from(name, (character) => (character.codePointAt(0) ?? 0).toString(16));
  return hashFrom(`sha256:${digits.join('').padEnd(64, '0').slice(0, 64)}`);
}
