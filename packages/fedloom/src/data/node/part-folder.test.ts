import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataSpec, FedloomError, type Tensor } from '@fedloom/engine';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../../core/safetensors.js';
import { readPart, writePart } from './part-folder.js';

const data: DataSpec = {
  x: { dtype: 'uint8', shape: [2], scale: 1 / 255 },
  y: { dtype: 'int32', shape: [], classes: 3 },
};
const x: Tensor = { dtype: 'uint8', shape: [3, 2], data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
const y: Tensor = { dtype: 'int32', shape: [3], data: Int32Array.of(0, 1, 2) };
const info = { name: 'toy', index: 4, clients: 10, data };

let root = '';
let dir = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fedloom-part-'));
  dir = join(root, 'deep', 'client-4');
});
afterEach(() => rm(root, { recursive: true }));

async function errorOf(reading: Promise<unknown>): Promise<FedloomError> {
  const error = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof FedloomError) return error;
  throw error ?? new Error('nothing was refused');
}

describe('part folders', () => {
  it('give back the rows that were written, in shared memory', async () => {
    await writePart(dir, { ...info, train: { x, y, rows: Int32Array.of(2, 0) }, test: { x, y } });
    const part = await readPart(dir, data);
    expect(part).toMatchObject(info);
    expect(part.train).toEqual({
      x: { dtype: 'uint8', shape: [2, 2], data: Uint8Array.of(5, 6, 1, 2) },
      y: { dtype: 'int32', shape: [2], data: Int32Array.of(2, 0) },
    });
    expect(part.test).toEqual({ x, y });
    expect(part.train.x.data.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(JSON.parse(await readFile(join(dir, 'part.json'), 'utf8'))).toEqual({
      format: 1,
      ...info,
      samples: { train: 2, test: 3 },
    });
  });

  it('do without test samples, also when an older part had some', async () => {
    await writePart(dir, { ...info, train: { x, y }, test: { x, y } });
    await writePart(dir, { ...info, train: { x, y } });
    expect('test' in (await readPart(dir, data))).toBe(false);
    await expect(readFile(join(dir, 'test.safetensors'))).rejects.toThrow(/ENOENT/);
  });

  it('may say another scale: preprocessing is the plan’s', async () => {
    await writePart(dir, { ...info, train: { x, y } });
    await expect(readPart(dir, { ...data, x: { dtype: 'uint8', shape: [2] } })).resolves.toMatchObject({ index: 4 });
  });

  it('name folder and file when something is missing', async () => {
    const gone = await errorOf(readPart(dir, data));
    expect(gone.code).toBe('part.missing');
    expect(gone.message).toContain(`part.json in the data folder ${dir}`);
    await writePart(dir, { ...info, train: { x, y } });
    await rm(join(dir, 'train.safetensors'));
    expect((await errorOf(readPart(dir, data))).message).toContain('train.safetensors');
  });

  it.each<[string, RegExp, (dir: string) => Promise<void>]>([
    ['part.json', /not a part's description/, (at) => writeFile(join(at, 'part.json'), '{')],
    ['part.json', /format/, (at) => writeFile(join(at, 'part.json'), JSON.stringify({ format: 2 }))],
    ['part.json', /at most 1048576 are read/, (at) => writeFile(join(at, 'part.json'), ' '.repeat(2 ** 21))],
    [
      'safetensors.header',
      /train\.safetensors: These bytes are no safetensors/,
      (at) => writeFile(join(at, 'train.safetensors'), ''),
    ],
    ['data.names', /train\.safetensors: it holds x; a part has tensors x and y/, (at) => store(at, { x })],
    [
      'data.shape',
      /x has shape \[3, 1\]; expected is \[samples, 2\]/,
      (at) => store(at, { x: { ...x, shape: [3, 1], data: new Uint8Array(3) }, y }),
    ],
    [
      'data.dtype',
      /y holds uint8; expected is int32/,
      (at) => store(at, { x, y: { dtype: 'uint8', shape: [3], data: new Uint8Array(3) } }),
    ],
    [
      'data.dtype',
      /y holds int64; expected is int32: convert it before it is written/,
      (at) => store(at, { x, y: { dtype: 'int64', shape: [3], data: BigInt64Array.of(0n, 1n, 2n) } }),
    ],
    ['data.labels', /sample 1 has label 3/, (at) => store(at, { x, y: { ...y, data: Int32Array.of(0, 3, 0) } })],
    [
      'part.samples',
      /holds 1 samples, but part.json says 3/,
      (at) =>
        store(at, {
          x: { ...x, shape: [1, 2], data: new Uint8Array(2) },
          y: { ...y, shape: [1], data: new Int32Array(1) },
        }),
    ],
  ])('are refused with %s: %s', async (code, message, spoil) => {
    await writePart(dir, { ...info, train: { x, y } });
    await spoil(dir);
    const error = await errorOf(readPart(dir, data));
    expect(error.message).toMatch(message);
    expect(error.message).toContain(dir);
    expect(error.code).toBe(code);
  });

  it('are refused when the plan tells other classes apart', async () => {
    await writePart(dir, { ...info, train: { x, y } });
    const error = await errorOf(readPart(dir, { ...data, y: { ...data.y, classes: 5 } }));
    expect(error.message).toMatch(/the data have 3 classes, but the training plan expects 5 classes/);
  });

  it('are refused when their values mean something else than the plan takes them for', async () => {
    await writePart(dir, { ...info, data: { ...data, encoding: 'sha256:aa' }, train: { x, y } });
    const error = await errorOf(readPart(dir, { ...data, encoding: 'sha256:bb' }));
    expect(error.code).toBe('data.encoding');
    expect(error.message).toMatch(
      /part\.json: the rows were made into numbers otherwise than the training plan has it/,
    );
    await expect(readPart(dir, { ...data, encoding: 'sha256:aa' })).resolves.toMatchObject({ index: 4 });
    // Written by hand, and without a word of it.
    await writePart(dir, { ...info, train: { x, y } });
    await expect(readPart(dir, { ...data, encoding: 'sha256:bb' })).resolves.toMatchObject({ index: 4 });
  });

  it('say where they cannot be written', async () => {
    await writeFile(join(root, 'deep'), 'a file where a folder should be');
    const error = await errorOf(writePart(dir, { ...info, train: { x, y } }));
    expect(error.code).toBe('part.write');
    expect(error.message).toContain(dir);
  });
});

function store(at: string, tensors: Record<string, Tensor>): Promise<void> {
  return writeFile(join(at, 'train.safetensors'), encodeSafetensors(new Map(Object.entries(tensors))));
}
