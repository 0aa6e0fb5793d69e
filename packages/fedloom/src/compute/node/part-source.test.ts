import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSpec, PlanManifest } from '@fedloom/engine';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { knownClient } from '../../core/brands.js';
import { writePart } from '../../data/node/part-folder.js';
import { partSource } from './part-source.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-parts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const data: DataSpec = { x: { dtype: 'float32', shape: [1] }, y: { dtype: 'int32', shape: [], classes: 2 } };

async function write(name: string, index: number, value: number): Promise<void> {
  const x = { dtype: 'float32' as const, shape: [1, 1], data: Float32Array.of(value) };
  const y = { dtype: 'int32' as const, shape: [1], data: Int32Array.of(0) };
  await writePart(join(folder, name), { name: 'tiny', index, clients: 3, data, train: { x, y } });
}

it.each([
  ['a folder that holds client-<index> for each', '', ['client-0', 'client-2']],
  ['a template with ranks from 1', 'client_{rank}/train', ['client_1/train', 'client_3/train']],
  ['a template with indices from 0', '{index}', ['0', '2']],
])('finds the data of each client in %s', async (_what, dir, [first = '', third = '']) => {
  await write(first, 0, 10);
  await write(third, 2, 12);
  const source = partSource(join(folder, dir), [
    { from: 0, count: 1 },
    { from: 2, count: 1 },
  ]);
  await source.open({ data } as PlanManifest, { run: 'r', clients: 3, seed: 0, algorithm: 'fedAvg' });
  for (const client of [0, 2]) {
    expect(source.train(knownClient(client))).toMatchObject({ x: { data: Float32Array.of(10 + client) } });
  }
});

it('refuses the part of another client', async () => {
  await write('part', 0, 10);
  await write('client-2', 0, 10);
  const federation = { run: 'r', clients: 3, seed: 0, algorithm: 'fedAvg' };
  const open = (dir: string, client: number) =>
    partSource(join(folder, dir), [{ from: client, count: 1 }]).open({ data } as PlanManifest, federation);
  await expect(open('part', 0)).resolves.toBeUndefined();
  const error = {
    code: 'part.index',
    message: expect.stringMatching(/is that of client 0 of 3, .* and not of client 2/),
  };
  await expect(open('part', 2)).rejects.toMatchObject(error);
  await expect(open('', 2)).rejects.toMatchObject(error);
});
