import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { FedloomError } from '@fedloom/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mnist } from './mnist.js';

const idx = (shape: readonly number[], elements: Uint8Array) => {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint32(0, 0x0800 + shape.length);
  shape.forEach((extent, axis) => {
    header.setUint32(4 + 4 * axis, extent);
  });
  return Buffer.concat([new Uint8Array(header.buffer), elements]);
};

describe('mnist from the npm package', () => {
  const data = mnist();

  it('is all of MNIST, in shared memory', async () => {
    const [train, test] = await Promise.all([data.load('train'), data.load('test')]);
    expect([train.x.shape, train.y.shape, test.x.shape, test.y.shape]).toEqual([
      [60_000, 784],
      [60_000],
      [10_000, 784],
      [10_000],
    ]);
    expect([train.x.dtype, train.y.dtype]).toEqual(['uint8', 'int32']);
    expect([...train.y.data.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    expect([...test.y.data.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
    // The mean brightness that every MNIST tutorial normalises by: 0.1307.
    const sum = (train.x.data as Uint8Array).reduce((total, pixel) => total + pixel, 0);
    expect(sum / train.x.data.length / 255).toBeCloseTo(0.1307, 4);
    expect(train.x.data.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect((await data.load('train')).x.data).toBe(train.x.data);
  });

  it('says its form', async () => {
    expect(await data.spec()).toEqual({
      x: { dtype: 'uint8', shape: [784], scale: 1 / 255 },
      y: { dtype: 'int32', shape: [], classes: 10 },
    });
    expect((await mnist({ shape: 'image' }).load('test')).x.shape).toEqual([10_000, 1, 28, 28]);
  });
});

describe('mnist from a folder', () => {
  let dir = '';
  const images = idx([2, 28, 28], new Uint8Array(2 * 784).fill(1));
  const write = (name: string, bytes: Uint8Array) => writeFile(join(dir, name), bytes);
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'fedloom-mnist-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  async function errorOf(split: 'train' | 'test'): Promise<FedloomError> {
    const error = await mnist({ dir })
      .load(split)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    if (error instanceof FedloomError) return error;
    throw error ?? new Error('the files passed');
  }

  it('names the file that is missing', async () => {
    const error = await errorOf('test');
    expect(error.code).toBe('data.mnist-missing');
    expect(error.message).toContain(join(dir, 't10k-images-idx3-ubyte'));
  });

  it('reads plain and zipped files', async () => {
    await write('train-images-idx3-ubyte.gz', gzipSync(images));
    await write('train-labels-idx1-ubyte', idx([2], Uint8Array.of(3, 9)));
    const { x, y } = await mnist({ dir }).load('train');
    expect([x.shape, [...y.data]]).toEqual([
      [2, 784],
      [3, 9],
    ]);
  });

  it('refuses labels beyond 9, images of another size, other counts, and damaged archives', async () => {
    await write('train-labels-idx1-ubyte', idx([2], Uint8Array.of(3, 10)));
    expect((await errorOf('train')).message).toMatch(/sample 1 has label 10/);
    await write('train-labels-idx1-ubyte', idx([3], Uint8Array.of(3, 9, 1)));
    expect((await errorOf('train')).message).toMatch(/2 samples in x but 3 in y/);
    await write('train-images-idx3-ubyte.gz', gzipSync(idx([1, 32, 32], new Uint8Array(1024))));
    expect((await errorOf('train')).message).toMatch(/holds \[1, 32, 32\]/);
    await write('train-images-idx3-ubyte.gz', gzipSync(images).subarray(0, 20));
    expect((await errorOf('train')).message).toMatch(/does not unzip/);
  });
});
