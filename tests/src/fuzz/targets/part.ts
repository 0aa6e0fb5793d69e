import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '@fedloom/engine';
import { encodeSafetensors } from '../../../../packages/fedloom/dist/core/safetensors.js';
import { readOwnPart, readPart } from '../../../../packages/fedloom/dist/data/node/part-folder.js';
import { scratchFolder } from '../scratch.js';
import { joined, partsIn, type Target, unlessRefusedLater, utf8 } from '../target.js';

const FOLDER = scratchFolder();
const FILES = ['part.json', 'train.safetensors', 'test.safetensors'];
const DATA = { x: { dtype: 'float32', shape: [2] }, y: { dtype: 'int32', shape: [], classes: 2 } } as const;

/** A part folder's files. */
export const target: Target = {
  seeds: () => {
    const samples = encodeSafetensors(
      new Map<string, Tensor>([
        ['x', { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
        ['y', { dtype: 'int32', shape: [2], data: Int32Array.of(0, 1) }],
      ]),
    );
    const info = { format: 1, name: 'fuzzed', index: 0, clients: 2, samples: { train: 2, test: 2 }, data: DATA };
    return [joined([utf8(JSON.stringify(info)), samples, samples])];
  },
  async run(input) {
    const parts = partsIn(input);
    await mkdir(FOLDER, { recursive: true });
    await Promise.all(FILES.map((name, at) => writeFile(join(FOLDER, name), parts[at] ?? new Uint8Array())));
    await unlessRefusedLater(/^(?:part|data|safetensors)\./, () => readOwnPart(FOLDER));
    await unlessRefusedLater(/^(?:part|data|safetensors)\./, () => readPart(FOLDER, DATA));
  },
};
