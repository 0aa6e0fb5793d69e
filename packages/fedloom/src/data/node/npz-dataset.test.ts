import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import { zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeNpz } from './npz.js';
import { type NpzOptions, npz } from './npz-dataset.js';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fedloom-npz-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function file(bytes: Uint8Array, name = 'data.npz'): Promise<string> {
  await writeFile(join(dir, name), bytes);
  return join(dir, name);
}

const saved = (tensors: Readonly<Record<string, Tensor>>) =>
  Buffer.concat(encodeNpz(new Map(Object.entries(tensors)) as NamedTensors));
const pixels = (count: number): Tensor => ({
  dtype: 'uint8',
  shape: [count, 2],
  data: Uint8Array.from({ length: 2 * count }, (_, at) => at),
});
const labels = (...values: number[]): Tensor => ({
  dtype: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values.map(BigInt)),
});

/** As numpy writes it: version 1, a header filled up with blanks, the elements. */
function npy(descr: string, shape: string, elements: Uint8Array, fortran = 'False'): Uint8Array {
  const type = descr.startsWith('[') ? descr : `'${descr}'`;
  const header = `${`{'descr': ${type}, 'fortran_order': ${fortran}, 'shape': ${shape}, }`.padEnd(117)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header), elements]);
}

/** An archive whose directory says that its first file is so long. */
function claiming(bytes: number): Uint8Array {
  const archive = Buffer.from(zipSync({ 'x.npy': npy('<f4', '(1,)', new Uint8Array(4)), 'y.npy': new Uint8Array() }));
  archive.writeUInt32LE(bytes, archive.indexOf('PK\x01\x02', 0, 'latin1') + 24);
  return archive;
}

async function errorOf(path: string, options: NpzOptions = { classes: 3 }): Promise<FedloomError> {
  const error = await npz(path, options)
    .load('train')
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  if (error instanceof FedloomError) return error;
  throw error ?? new Error('the file passed');
}

describe('npz', () => {
  it('reads what the library writes: samples as they are, int64 labels as labels', async () => {
    const data = npz(await file(saved({ x: pixels(3), y: labels(2, 0, 1) })), { classes: 3, scale: 1 / 255 });
    expect([data.name, await data.spec()]).toEqual([
      'data',
      { x: { dtype: 'uint8', shape: [2], scale: 1 / 255 }, y: { dtype: 'int32', shape: [], classes: 3 } },
    ]);
    const { x, y } = await data.load('train');
    expect([x.data, y.data]).toEqual([Uint8Array.of(0, 1, 2, 3, 4, 5), Int32Array.of(2, 0, 1)]);
    expect((await data.load('test')).x.shape).toEqual([0, 2]);
  });

  it('reads compressed files, and arrays of other names, as Keras has them', async () => {
    const arrays = { x_train: pixels(4), y_train: labels(0, 1, 0, 1), x_test: pixels(1), y_test: labels(1) };
    const entries = Object.entries(arrays).map(([name, tensor]): [string, Uint8Array] => {
      const one = saved({ [name]: tensor });
      // Of an archive with one file that is not compressed, the file.
      const start = 30 + name.length + 4;
      return [`${name}.npy`, one.subarray(start, start + one.readUInt32LE(18))];
    });
    const path = await file(zipSync(Object.fromEntries(entries), { level: 6 }));
    const data = npz(path, { x: 'x_train', y: 'y_train', test: { x: 'x_test', y: 'y_test' }, classes: 2 });
    expect([(await data.load('train')).x.shape, (await data.load('test')).x.data]).toEqual([
      [4, 2],
      Uint8Array.of(0, 1),
    ]);
  });

  it.each<[string, Uint8Array, readonly number[]]>([
    ['>f4', Uint8Array.of(0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0), [1.5, -2]],
    ['<f8', new Uint8Array(Float64Array.of(0.5, 3).buffer), [0.5, 3]],
    ['<f2', Uint8Array.of(0, 0x3c, 0, 0xc0), [1, -2]],
    ['<i2', Uint8Array.of(0xff, 0xff, 2, 0), [-1, 2]],
    ['>u2', Uint8Array.of(1, 0, 0, 2), [256, 2]],
    ['<u8', Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0), [7, 9]],
    ['|i1', Uint8Array.of(0xff, 3), [-1, 3]],
    ['|b1', Uint8Array.of(1, 0), [1, 0]],
  ])('reads elements of type %s', async (descr, elements, expected) => {
    const y = npy('<i8', '(2,)', new Uint8Array(16));
    const path = await file(zipSync({ 'x.npy': npy(descr, '(2,)', elements), 'y.npy': y }));
    expect(Array.from((await npz(path, { classes: 1 }).load('train')).x.data, Number)).toEqual(expected);
  });

  it('turns arrays whose first index runs fastest, as those of pandas', async () => {
    const x = npy('|u1', '(2, 3, 2)', Uint8Array.of(0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11), 'True');
    const path = await file(zipSync({ 'x.npy': x, 'y.npy': npy('|u1', '(2,)', Uint8Array.of(0, 0)) }));
    const train = await npz(path, { classes: 1 }).load('train');
    expect([train.x.shape, Array.from(train.x.data, Number)]).toEqual([
      [2, 3, 2],
      Array.from({ length: 12 }, (_, at) => at),
    ]);
  });

  it('holds out a share, or takes tests from another file, and finds both beside the task', async () => {
    await file(saved({ x: pixels(10), y: labels(...Array.from({ length: 10 }, (_, at) => at)) }));
    await file(saved({ x: pixels(1), y: labels(7) }), 'test.npz');
    const held = npz('data.npz', { classes: 10, test: { share: 0.3 } }).inFolder(dir);
    const [train, test] = await Promise.all([held.load('train'), held.load('test')]);
    expect([train.x.shape, test.x.shape]).toEqual([
      [7, 2],
      [3, 2],
    ]);
    for (const { x, y } of [train, test])
      for (const [row, label] of y.data.entries()) expect(x.data[2 * row]).toBe(2 * Number(label));
    const other = npz('data.npz', { classes: 10, test: 'test.npz' }).inFolder(dir);
    expect(Array.from((await other.load('test')).y.data, Number)).toEqual([7]);
  });

  it.each<[string, RegExp, () => Uint8Array]>([
    ['data.npz', /data\.npz: it does not unzip/, () => Buffer.from('a,y\n1,0\n')],
    ['data.npz', /it has no array "y"; there are x, z/, () => saved({ x: pixels(1), z: labels(0) })],
    [
      'data.npz',
      /array "x" is no npy file/,
      () => zipSync({ 'x.npy': Uint8Array.of(1, 2), 'y.npy': new Uint8Array() }),
    ],
    [
      'data.npz',
      /array "x" has elements of type c8, which is not read/,
      () => zipSync({ 'x.npy': npy('<c8', '(1,)', new Uint8Array(8)), 'y.npy': new Uint8Array() }),
    ],
    [
      'data.npz',
      /array "x" holds no plain numbers/,
      () => zipSync({ 'x.npy': npy("[('a', '<f4')]", '(1,)', new Uint8Array(8)), 'y.npy': new Uint8Array() }),
    ],
    [
      'data.npz',
      /array "x" has 7 bytes, but \[2\] of f4 takes 8/,
      () => zipSync({ 'x.npy': npy('<f4', '(2,)', new Uint8Array(7)), 'y.npy': new Uint8Array() }),
    ],
    ['data.npz', /x\.npy claims 4294967280 bytes, more than there can be/, () => claiming(0xfffffff0)],
    [
      'data.npz',
      /array "x" claims 65 axes; at most 64 are read/,
      () => zipSync({ 'x.npy': npy('<f4', `(${'1,'.repeat(65)})`, new Uint8Array(4)), 'y.npy': new Uint8Array() }),
    ],
    ['data.shape', /2 samples in x but 1 in y/, () => saved({ x: pixels(2), y: labels(0) })],
    ['data.labels', /sample 1 has label 3, but the 3 classes/, () => saved({ x: pixels(2), y: labels(0, 3) })],
  ])('refuses with %s: %s', async (code, message, bytes) => {
    const error = await errorOf(await file(bytes()));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('refuses options at once', () => {
    expect(() => npz('x.npz', { classes: 0 })).toThrow(/classes must be how many/);
    expect(() => npz('x.npz', { test: { x: 'a' } as never })).toThrow(/test must be a file, \{ x: 'x_test'/);
  });
});
