import type { Tensor } from '@fedloom/engine';
import { fedAvg } from '../../../../packages/fedloom/dist/algorithms/fed-avg.js';
import { encodeSafetensors } from '../../../../packages/fedloom/dist/core/safetensors.js';
import { update } from '../../../../packages/fedloom/dist/protocol/testing/messages.js';
import { Aggregation } from '../../../../packages/fedloom/dist/server/run/aggregation.js';
import { chainStages } from '../../../../packages/fedloom/dist/update/stages/payload-specs.js';
import { topK } from '../../../../packages/fedloom/dist/update/stages/top-k.js';
import type { UpdateSpec } from '../../../../packages/fedloom/dist/update/update.js';
import { type Target, unlessRefused } from '../target.js';

const SPECS: readonly UpdateSpec[] = [
  { name: 'b', shape: [2], dtype: 'float32', fold: 'mean', kind: 'trained' },
  { name: 'h', shape: [2], dtype: 'float16', fold: 'mean', kind: 'trained' },
  { name: 'seen', shape: [], dtype: 'int64', fold: 'max', kind: 'buffer' },
  { name: 'w', shape: [2, 3], dtype: 'float32', fold: 'mean', kind: 'trained' },
];
const CHAINS = [chainStages([], SPECS), chainStages([topK({ fraction: 0.5 })], SPECS)];

/** The body of an update, from the line to the aggregate; the first byte says whether it passes a stage. */
export const target: Target = {
  seeds: () => [
    Uint8Array.of(
      0,
      ...encodeSafetensors(
        new Map<string, Tensor>([
          ['b', floats(2)],
          ['h', { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xb800) }],
          ['seen', { dtype: 'int64', shape: [], data: BigInt64Array.of(3n) }],
          ['w', { ...floats(6), shape: [2, 3] }],
        ]),
      ),
    ),
    Uint8Array.of(
      1,
      ...encodeSafetensors(
        new Map<string, Tensor>([
          ['seen', { dtype: 'int64', shape: [], data: BigInt64Array.of(3n) }],
          ['topK/indices', { dtype: 'int32', shape: [5], data: Int32Array.of(0, 2, 4, 7, 9) }],
          ['topK/values', floats(5)],
        ]),
      ),
    ),
  ],
  run(input) {
    const chain = CHAINS[(input[0] ?? 0) % CHAINS.length];
    if (chain === undefined) return;
    const aggregation = new Aggregation({ chain, algorithm: fedAvg() });
    const body = input.slice(1);
    const from = { version: update.base, model: new Map(), scalars: { learningRate: 0.1 } };
    unlessRefused(/^(?:safetensors|stage|update)\./, () => {
      const sound = aggregation.check(update, body);
      if (sound instanceof Promise) throw new Error('these stages take no time');
      aggregation.add(0, aggregation.weigh(sound, from, from));
      aggregation.close(0, () => {});
    });
  },
};

function floats(length: number) {
  return { dtype: 'float32', shape: [length], data: Float32Array.from({ length }, (_, i) => i / 4 - 1) } as const;
}
