import type { Hash } from './brands.js';

/** The SHA-256 of some bytes. Injected, since platforms differ in who has it. */
export type HashFunction = (bytes: Uint8Array) => Hash;
