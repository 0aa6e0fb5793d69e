import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import type { DataSpec, Tensor } from '@fedloom/engine';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeImagePart, writeNpzPart } from './python-parts.js';

const y: Tensor = { dtype: 'int32', shape: [3], data: Int32Array.of(0, 11, 2) };
const x: Tensor = { dtype: 'uint8', shape: [3, 1, 2, 2], data: Uint8Array.from({ length: 12 }, (_, i) => i) };
const data: DataSpec = {
  x: { dtype: 'uint8', shape: [1, 2, 2] },
  y: { dtype: 'int32', shape: [], classes: 12 },
};

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fedloom-parts-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('parts for Python', () => {
  it('as npz count clients from 1; the same samples are the same bytes', async () => {
    const part = { index: 1, data, train: { x, y, rows: Int32Array.of(2, 0) }, test: { x, y } };
    await writeNpzPart(dir, part);
    expect((await readdir(dir)).sort()).toEqual(['client_2_test.npz', 'client_2_train.npz']);
    const bytes = await readFile(join(dir, 'client_2_train.npz'));
    await writeNpzPart(dir, part);
    expect(await readFile(join(dir, 'client_2_train.npz'))).toEqual(bytes);
    // Uncompressed, and read by numpy in the tests of Python.
    expect(bytes.includes(Buffer.of(8, 9, 10, 11, 0, 1, 2, 3))).toBe(true);
  });

  it('as images have a folder for each class, also where a client has none of it', async () => {
    await writeImagePart(dir, { index: 0, data, train: { x, y } });
    expect(await readdir(dir)).toEqual(['client_1_train']);
    const classes = (await readdir(join(dir, 'client_1_train'))).sort();
    expect(classes).toEqual(['00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11']);
    const png = await readFile(join(dir, 'client_1_train', '11', '1.png'));
    const begin = png.indexOf('IDAT') + 4;
    expect([...inflateSync(png.subarray(begin, begin + png.readUInt32BE(begin - 8)))]).toEqual([0, 4, 5, 0, 6, 7]);
  });

  it.each([
    ['floats', { x: { dtype: 'float32', shape: [2, 2] }, y: data.y }],
    ['no class', { x: data.x, y: { dtype: 'float32', shape: [] } }],
    ['no square', { x: { dtype: 'uint8', shape: [5] }, y: data.y }],
    ['two channels', { x: { dtype: 'uint8', shape: [2, 2, 2] }, y: data.y }],
  ] as [string, DataSpec][])('as images refuse %s', async (_, spec) => {
    await expect(writeImagePart(dir, { index: 0, data: spec, train: { x, y } })).rejects.toThrow(/Write them as npz/);
  });
});
