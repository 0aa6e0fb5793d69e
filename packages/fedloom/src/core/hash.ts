/** The SHA-256 of some bytes as `sha256:` and 64 hexadecimal digits. Injected, since platforms differ in who has it. */
export type HashFunction = (bytes: Uint8Array) => string;
