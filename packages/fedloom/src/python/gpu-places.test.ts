import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GpuPlaces, gpusInTurn, mappedGpus } from './gpu-places.js';

const of = ({ gpus, placeOf }: GpuPlaces, clients: number) =>
  Array.from({ length: clients }, (_, client) => gpus[placeOf(client)]);

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-gpus-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('GPUs of clients', () => {
  it('go in turn, or are all that there are', () => {
    expect(of(gpusInTurn([0, 'GPU-5']), 4)).toEqual(['0', 'GPU-5', '0', 'GPU-5']);
    expect(of(gpusInTurn(undefined), 2)).toEqual([undefined, undefined]);
  });

  it("are those of FedML's mapping, rank by rank after the server's", async () => {
    const mapping = 'mapping_default:\n  hostA: [2, 1]\n  hostB: [0, 0, 2]\nother:\n  hostA: [1]\n';
    await writeFile(join(folder, 'gpu_mapping.yaml'), mapping);
    expect(of(await mappedGpus('gpu_mapping.yaml', [folder]), 6)).toEqual(['0', '1', '2', '2', '0', '1']);
    expect(of(await mappedGpus('gpu_mapping.yaml:other', [folder]), 2)).toEqual(['0', '0']);
  });

  it.each([
    ['none.yaml', '', /none.yaml: there is no such file/],
    ['m.yaml:c', 'a:\n  h: [1]\n', /there is no mapping c. It has: a\./],
    ['m.yaml', 'a:\n  h: 3\n', /a.h must be a list of numbers of processes/],
    ['m.yaml', 'a:\n  h: [0]\n', /a has no processes/],
    ['m.yaml', 'a: {', /The GPU mapping .*m.yaml: /],
  ])('refuse %s with %j', async (file, text, message) => {
    await writeFile(join(folder, 'm.yaml'), text);
    await expect(mappedGpus(file, [folder])).rejects.toThrow(message);
  });
});
