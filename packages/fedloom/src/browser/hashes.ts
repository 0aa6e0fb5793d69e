import { hmac } from '@noble/hashes/hmac.js';
import { sha256 as digest } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { hashFrom } from '../core/brands.js';
import type { HashFunction } from '../core/hash.js';
import type { SealFunction } from '../protocol/token.js';

/** SHA-256 in plain JavaScript, since the platform's waits for a promise, and is absent on pages of `http:`. */
export const sha256: HashFunction = (bytes) => hashFrom(`sha256:${bytesToHex(digest(bytes))}`);

export const hmacSha256: SealFunction = (secret, bytes) => bytesToHex(hmac(digest, utf8ToBytes(secret), bytes));
