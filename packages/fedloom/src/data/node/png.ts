import { deflateSync } from 'node:zlib';
import { crc32 } from '../../core/crc32.js';

/* Portable Network Graphics: https://www.w3.org/TR/png/, sections 5 (datastream), 9 (filtering) and 11.2 (chunks). */

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const BIT_DEPTH = 8;
const COLOUR_TYPES: Readonly<Record<1 | 3, number>> = { 1: 0, 3: 2 };

export interface Picture {
  /** 1: grey; 3: red, green and blue. */
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  /** One channel after the other, each row by row, as convolutions take them. */
  readonly pixels: Uint8Array;
}

/** A picture as a PNG file. */
export function encodePng({ channels, height, width, pixels }: Picture): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header[8] = BIT_DEPTH;
  header[9] = COLOUR_TYPES[channels];
  // Each line begins with its filter: 0, none.
  const lines = Buffer.alloc(height * (1 + width * channels));
  let at = 0;
  for (let y = 0; y < height; y += 1) {
    at += 1;
    for (let x = 0; x < width; x += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        lines[at++] = pixels[(channel * height + y) * width + x] ?? 0;
      }
    }
  }
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const content = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(content));
  return Buffer.concat([length, content, check]);
}
