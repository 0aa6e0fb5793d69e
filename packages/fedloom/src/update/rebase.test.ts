import type { Tensor } from '@fedloom/engine';
import { expect, it } from 'vitest';
import { namedHash } from '../conformance/named-hash.js';
import { clientIndex, versionNumber } from '../core/brands.js';
import { rebasedUpdate } from './rebase.js';
import type { Update, UpdateSpec } from './update.js';

const spec = (name: string, dtype: UpdateSpec['dtype'], kind: UpdateSpec['kind']): UpdateSpec => ({
  name,
  dtype,
  kind,
  shape: [2],
  fold: 'mean',
});
const floats = (...values: number[]): Tensor => ({ dtype: 'float32', shape: [2], data: Float32Array.from(values) });

it('is the difference to the other model: added to that it gives what was trained; values and uploads stay', () => {
  const specs = [spec('n', 'int32', 'buffer'), spec('up/w', 'float32', 'upload'), spec('w', 'float32', 'trained')];
  const counters: Tensor = { dtype: 'int32', shape: [2], data: Int32Array.of(3, 4) };
  const update: Update = {
    client: clientIndex(1),
    base: { model: 'model', number: versionNumber(0), hash: namedHash('h') },
    task: 0,
    attempt: 0,
    facts: {},
    tensors: new Map([
      ['n', counters],
      ['up/w', floats(7, 8)],
      ['w', floats(0.5, -1)],
    ]),
  };
  const from = new Map([['w', floats(1, 2)]]);
  const to = new Map([['w', floats(3, -4)]]);
  const { tensors, ...rest } = rebasedUpdate(update, specs, from, to);
  // Trained to 1.5 and 1.
  expect(tensors.get('w')).toEqual(floats(-1.5, 5));
  expect([tensors.get('n'), tensors.get('up/w')]).toEqual([counters, floats(7, 8)]);
  expect({ ...rest, tensors: update.tensors }).toEqual(update);
  expect(update.tensors.get('w')).toEqual(floats(0.5, -1));
});
