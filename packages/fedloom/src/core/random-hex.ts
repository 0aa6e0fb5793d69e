/** What is used of the platform's `crypto`, which pages of `http:` have too. */
interface Crypto {
  getRandomValues(bytes: Uint8Array): Uint8Array;
}

/**
 * Hexadecimal text that nobody guesses, from the platform's own randomness.
 * @param bytes two digits each
 */
export function randomHex(bytes: number): string {
  const { crypto } = globalThis as unknown as { readonly crypto: Crypto };
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
}
