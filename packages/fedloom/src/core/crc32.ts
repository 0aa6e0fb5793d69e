/** The reflected polynomial of CRC-32 (ISO 3309; RFC 1952, section 8). */
const POLYNOMIAL = 0xedb88320;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** What is used of Node's zlib. */
interface Zlib {
  readonly crc32: (bytes: Uint8Array) => number;
}

interface NodeProcess {
  getBuiltinModule?(name: 'node:zlib'): Zlib;
}

/** The readable reference. */
export function plainCrc32(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i += 1) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

const { process: nodeProcess } = globalThis as { readonly process?: NodeProcess };

/**
 * CRC-32 of some bytes, as an unsigned 32-bit number: any one flipped bit shows, and any burst of up to 32. About 2 GB/s where
 * the platform has it. It guards against accidents, not against people.
 */
export const crc32: (bytes: Uint8Array) => number = nodeProcess?.getBuiltinModule?.('node:zlib').crc32 ?? plainCrc32;
