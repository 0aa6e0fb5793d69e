import type { unzipSync } from 'fflate';
import { readBytes } from './files.js';
import { decodeNpy, type NumpyArray, npzError } from './npy.js';

/** Deflate makes a byte of at most so many (RFC 1951: a code of two bits for 258 bytes). */
const RATIO_MAX = 1032;

/**
 * Some arrays of a file.
 * @throws FedloomError `data.file`, `data.npz`, naming the file and the array that it lacks
 */
export async function readNpz<const N extends readonly string[]>(
  path: string,
  names: N,
): Promise<{ readonly [At in keyof N]: NumpyArray }> {
  const bytes = await readBytes(path);
  const wanted = new Set(names.map((name) => `${name}.npy`));
  const found: string[] = [];
  let files: ReturnType<typeof unzipSync>;
  try {
    const { unzipSync: unzip } = await import('fflate');
    files = unzip(bytes, {
      filter: ({ name, size, originalSize }) => {
        found.push(name.replace(/\.npy$/, ''));
        if (!wanted.has(name)) return false;
        // Memory is taken for what the file claims.
        const bytesMax = RATIO_MAX * (Math.min(size, bytes.length) + 1);
        if (originalSize > bytesMax) throw new Error(`${name} claims ${originalSize} bytes, more than there can be`);
        return true;
      },
    });
  } catch (cause) {
    throw npzError(path, `it does not unzip: ${(cause as Error).message}. Is it what numpy.savez wrote`, cause);
  }
  const array = (name: string) => {
    const content = files[`${name}.npy`];
    if (content === undefined)
      throw npzError(path, `it has no array "${name}"; there are ${found.join(', ') || 'none'}`);
    return decodeNpy(content, path, name);
  };
  return names.map(array) as { readonly [At in keyof N]: NumpyArray };
}
