import { FedloomError } from '@fedloom/engine';
import type JpegJs from 'jpeg-js';
import type { PNG } from 'pngjs';
import { shown } from './files.js';

/** A decoded picture: red, green, blue and opacity of each pixel, row by row. */
export interface Pixels {
  readonly height: number;
  readonly width: number;
  readonly rgba: Uint8Array;
}

/** Pixels that a picture may have, so that a small file cannot ask for all memory: 100 million. */
const MEGAPIXELS_MAX = 100;
const MEGABYTES_MAX = 2048;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47];
const JPEG_SIGNATURE = [0xff, 0xd8, 0xff];

/**
 * Decodes a JPEG or PNG file, told apart by its first bytes. Samples of 16 bits are scaled to 8.
 * @param path names the bytes in messages
 * @throws FedloomError `data.image` for what is neither, is broken, or is too large
 */
export async function decodePicture(bytes: Uint8Array, path: string): Promise<Pixels> {
  const begins = (signature: readonly number[]) => signature.every((byte, at) => bytes[at] === byte);
  try {
    if (begins(PNG_SIGNATURE)) return await decodePng(bytes, path);
    if (begins(JPEG_SIGNATURE)) return await decodeJpeg(bytes);
  } catch (cause) {
    if (cause instanceof FedloomError) throw cause;
    throw imageError(
      path,
      'is a broken picture, or not all of it is there. Save it anew, or take it out of the folder.',
      cause,
    );
  }
  throw imageError(path, 'is neither a JPEG nor a PNG picture. Take it out of the folder, or save it as one.');
}

export function imageError(path: string, what: string, cause?: unknown): FedloomError {
  return new FedloomError('data.image', `${shown(path)} ${what}`, { path }, { cause });
}

async function decodePng(bytes: Uint8Array, path: string): Promise<Pixels> {
  // Loaded for PNG files only, as the other for JPEG files.
  const { PNG: codec } = (await import('pngjs')) as { readonly PNG: typeof PNG };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Width and height stand in the first chunk, of a length that is fixed: https://www.w3.org/TR/png/#11IHDR.
  if (bytes.length < 24) throw new Error('it ends within its header');
  const [claimedWidth, claimedHeight] = [view.getUint32(16), view.getUint32(20)];
  if (claimedWidth * claimedHeight > MEGAPIXELS_MAX * 1e6) {
    throw imageError(path, `claims ${claimedWidth} x ${claimedHeight} pixels, which is too large.`);
  }
  const { height, width, data } = codec.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return { height, width, rgba: data };
}

async function decodeJpeg(bytes: Uint8Array): Promise<Pixels> {
  const { decode } = ((await import('jpeg-js')) as { readonly default: typeof JpegJs }).default;
  const { height, width, data } = decode(bytes, {
    useTArray: true,
    tolerantDecoding: false,
    maxResolutionInMP: MEGAPIXELS_MAX,
    maxMemoryUsageInMB: MEGABYTES_MAX,
  });
  return { height, width, rgba: data };
}
