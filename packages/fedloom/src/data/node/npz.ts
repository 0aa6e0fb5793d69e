import type { DType, NamedTensors } from '@fedloom/engine';
import { crc32 } from '../../core/crc32.js';

/*
 * The npz format of numpy: a zip archive with an npy file for each array. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * and APPNOTE.TXT of PKWARE, sections 4.3 and 4.4, describe them. Nothing is compressed, as by `numpy.savez`.
 */

const DESCRIPTIONS: Readonly<Record<DType, string>> = {
  float32: '<f4',
  float64: '<f8',
  float16: '<f2',
  int32: '<i4',
  int64: '<i8',
  uint8: '|u1',
  bool: '|b1',
};
const NPY_MAGIC = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
/** Data begin at a multiple of it. */
const NPY_ALIGNMENT = 64;
const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const ZIP_VERSION = 20;
/** The first day that the format knows: equal arrays give equal bytes. */
const DATE_1980 = 0x21;
/** What the format's 32 bits hold. */
export const NPZ_BYTES_MAX = 2 ** 32 - 1;

/** Arrays as the parts of an npz file, in the order given; together at most `NPZ_BYTES_MAX` long. */
export function encodeNpz(arrays: NamedTensors): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { dtype, shape, data }] of arrays) {
    const file = Buffer.from(`${name}.npy`);
    const content = Buffer.concat([
      npyHeader(dtype, shape),
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    ]);
    const common = commonFields(crc32(content), content.length, file.length);
    const local = Buffer.alloc(4);
    local.writeUInt32LE(LOCAL_HEADER);
    pieces.push(local, common, file, content);
    directory.push(centralHeader(common, offset), file);
    offset += local.length + common.length + file.length + content.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END_OF_DIRECTORY);
  end.writeUInt16LE(arrays.size, 8);
  end.writeUInt16LE(arrays.size, 10);
  end.writeUInt32LE(
    directory.reduce((bytes, piece) => bytes + piece.length, 0),
    12,
  );
  end.writeUInt32LE(offset, 16);
  return [...pieces, ...directory, end];
}

function npyHeader(dtype: DType, shape: readonly number[]): Uint8Array {
  const extents = shape.map((extent) => `${extent},`).join('');
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': (${extents}), }`;
  const before = NPY_MAGIC.length + 2;
  const length = Math.ceil((before + text.length + 1) / NPY_ALIGNMENT) * NPY_ALIGNMENT - before;
  const header = Buffer.alloc(before + length, ' ');
  NPY_MAGIC.copy(header);
  header.writeUInt16LE(length, NPY_MAGIC.length);
  header.write(text, before, 'latin1');
  header.write('\n', header.length - 1);
  return header;
}

/** What the header before a file's content and that in the directory have in common. */
function commonFields(crc: number, bytes: number, nameBytes: number): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(ZIP_VERSION, 0);
  fields.writeUInt16LE(DATE_1980, 8);
  fields.writeUInt32LE(crc, 10);
  fields.writeUInt32LE(bytes, 14);
  fields.writeUInt32LE(bytes, 18);
  fields.writeUInt16LE(nameBytes, 22);
  return fields;
}

function centralHeader(common: Uint8Array, offset: number): Uint8Array {
  const before = Buffer.alloc(6);
  before.writeUInt32LE(CENTRAL_HEADER);
  before.writeUInt16LE(ZIP_VERSION, 4);
  const after = Buffer.alloc(14);
  after.writeUInt32LE(offset, 10);
  return Buffer.concat([before, common, after]);
}
