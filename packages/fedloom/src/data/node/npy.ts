import { elementCount, FedloomError } from '@fedloom/engine';
import { decodeHalves } from '../../core/float16.js';
import type { NumberArray } from '../arrays.js';
import { shown } from './files.js';

/* The npy format of numpy: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** As numpy has it. */
const RANK_MAX = 64;

/** An array of numbers, the last index running fastest. */
export interface NumpyArray {
  readonly data: NumberArray;
  readonly shape: readonly number[];
}

type Read = (view: DataView, count: number) => NumberArray;

const plain =
  <A extends NumberArray>(
    make: new (length: number) => A,
    bytes: number,
    read: (view: DataView, at: number) => A[number],
  ): Read =>
  (view, count) => {
    const values = new make(count);
    for (let at = 0; at < count; at++) values[at] = read(view, at * bytes);
    return values;
  };

/** Kind and bytes of an element, as in `<f4`, and how many are read. */
const READERS: Readonly<Record<string, (little: boolean) => readonly [bytes: number, read: Read]>> = {
  f8: (little) => [8, plain(Float64Array, 8, (view, at) => view.getFloat64(at, little))],
  f4: (little) => [4, plain(Float32Array, 4, (view, at) => view.getFloat32(at, little))],
  f2: (little) => [
    2,
    (view, count) => decodeHalves(Uint16Array.from({ length: count }, (_, at) => view.getUint16(2 * at, little))),
  ],
  i8: (little) => [8, plain(BigInt64Array, 8, (view, at) => view.getBigInt64(at, little))],
  u8: (little) => [8, plain(BigUint64Array, 8, (view, at) => view.getBigUint64(at, little))],
  i4: (little) => [4, plain(Int32Array, 4, (view, at) => view.getInt32(at, little))],
  u4: (little) => [4, plain(Uint32Array, 4, (view, at) => view.getUint32(at, little))],
  i2: (little) => [2, plain(Int16Array, 2, (view, at) => view.getInt16(at, little))],
  u2: (little) => [2, plain(Uint16Array, 2, (view, at) => view.getUint16(at, little))],
  i1: () => [1, plain(Int8Array, 1, (view, at) => view.getInt8(at))],
  u1: () => [1, plain(Uint8Array, 1, (view, at) => view.getUint8(at))],
  b1: () => [1, plain(Uint8Array, 1, (view, at) => view.getUint8(at))],
};

/**
 * An array of an npz file.
 * @param path of the file, and `name` of the array in it, for messages
 * @throws FedloomError `data.npz`
 */
export function decodeNpy(bytes: Uint8Array, path: string, name: string): NumpyArray {
  const refuse = (what: string): never => {
    throw npzError(path, `array "${name}" ${what}`);
  };
  if (!MAGIC.every((byte, at) => bytes[at] === byte) || bytes.length < 12) refuse('is no npy file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isFirstVersion = bytes[6] === 1;
  const start = isFirstVersion ? 10 : 12;
  const length = isFirstVersion ? view.getUint16(8, true) : view.getUint32(8, true);
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, start + length));
  const type = /'descr': *'([<>|=]?)(\w+)'/.exec(header);
  const shapeText = /'shape': *\(([\d, ]*)\)/.exec(header)?.[1];
  if (type === null || shapeText === undefined)
    return refuse('holds no plain numbers; structured arrays and objects are not read');
  const reader = READERS[type[2] ?? ''];
  if (reader === undefined)
    return refuse(
      `has elements of type ${type[2]}, which is not read. Convert it, for instance with astype("float32")`,
    );
  const shape = shapeText
    .split(',')
    .filter((extent) => extent.trim() !== '')
    .map(Number);
  if (shape.length > RANK_MAX) refuse(`claims ${shape.length} axes; at most ${RANK_MAX} are read`);
  const count = elementCount(shape);
  const [elementBytes, read] = reader(type[1] !== '>');
  const content = start + length;
  if (bytes.length - content !== count * elementBytes) {
    return refuse(
      `has ${bytes.length - content} bytes, but [${shape.join(', ')}] of ${type[2]} takes ${count * elementBytes}`,
    );
  }
  const data = read(new DataView(bytes.buffer, bytes.byteOffset + content, bytes.length - content), count);
  return { shape, data: /'fortran_order': *True/.test(header) ? lastFastest(data, shape) : data };
}

export function npzError(path: string, what: string, cause?: unknown): FedloomError {
  return new FedloomError('data.npz', `${shown(path)}: ${what}.`, { path }, { cause });
}

/** The same array, of which the first index ran fastest. */
function lastFastest(data: NumberArray, shape: readonly number[]): NumberArray {
  const turned = data.slice();
  const steps = shape.map((_extent, axis) => elementCount(shape.slice(0, axis)));
  const place = shape.map(() => 0);
  for (let to = 0; to < data.length; to++) {
    turned[to] = data[place.reduce((from, index, axis) => from + index * (steps[axis] ?? 0), 0)] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place[axis] = (place[axis] ?? 0) + 1;
      if ((place[axis] ?? 0) < (shape[axis] ?? 0)) break;
      place[axis] = 0;
    }
  }
  return turned;
}
