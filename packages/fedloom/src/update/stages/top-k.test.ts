import type { NamedTensors, Tensor } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stageSuite } from '../../conformance/stage-suite.js';
import { describeSuite } from '../../conformance/testing/describe-suite.js';
import { decodeHalves, encodeHalves } from '../../core/float16.js';
import { RandomStream } from '../../core/random.js';
import type { Stage } from '../stage-contract.js';
import type { UpdateSpec } from '../update.js';
import { type ClientStagesResult, runClientStages } from './client-stages.js';
import { chainStages, type StageChain } from './payload-specs.js';
import { runServerStages } from './server-stages.js';
import { topK } from './top-k.js';

describeSuite(
  'stage topK(fraction=0.3)',
  stageSuite(() => topK({ fraction: 0.3 })),
);
describeSuite(
  'stage topK(fraction=1)',
  stageSuite(() => topK({ fraction: 1 })),
);

const trained = (name: string, length: number, dtype: UpdateSpec['dtype'] = 'float32'): UpdateSpec => ({
  name,
  dtype,
  shape: [length],
  fold: 'mean',
  kind: 'trained',
});
const float32 = (...values: number[]): Tensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});
const random = () => RandomStream.of(1, 'none');
const at = { client: 3, task: 0 };

function encode(chain: StageChain, tensors: NamedTensors, state: NamedTensors = new Map()): ClientStagesResult {
  return runClientStages(chain, tensors, { ...at, state, random }) as ClientStagesResult;
}
const decode = (chain: StageChain, payload: NamedTensors) => runServerStages(chain, payload, at) as NamedTensors;
const chainOf = (stage: Stage, ...specs: UpdateSpec[]) => chainStages([stage], specs);
const dataOf = (tensors: NamedTensors, name: string) => [...(tensors.get(name)?.data ?? [])].map(Number);

describe('topK', () => {
  it('sends the largest, keeps the rest and adds it the next time', () => {
    const chain = chainOf(topK({ fraction: 0.4 }), trained('b', 2), trained('a', 3));
    const delta = new Map([
      ['a', float32(1, -5, 2)],
      ['b', float32(4, -3)],
    ]);
    const first = encode(chain, delta);
    expect(dataOf(first.tensors, 'topK/indices')).toEqual([1, 3]);
    expect(dataOf(first.tensors, 'topK/values')).toEqual([-5, 4]);
    expect(first.state).toEqual(
      new Map([
        ['stage:topK/a', float32(1, 0, 2)],
        ['stage:topK/b', float32(0, -3)],
      ]),
    );
    expect(decode(chain, first.tensors)).toEqual(
      new Map([
        ['a', float32(0, -5, 0)],
        ['b', float32(4, 0)],
      ]),
    );
    const second = encode(chain, delta, first.state);
    expect(dataOf(second.tensors, 'topK/indices')).toEqual([1, 4]);
    expect(dataOf(second.tensors, 'topK/values')).toEqual([-5, -6]);
    expect(dataOf(second.state, 'stage:topK/a')).toEqual([2, 0, 4]);
    expect(dataOf(second.state, 'stage:topK/b')).toEqual([4, 0]);
  });

  it.each([
    [0.07, 100, 8],
    [1e-9, 100, 1],
    [0.5, 5, 3],
    [1, 5, 5],
    [0.01, 0, 0],
  ])('with fraction %d of %i sends %i', (fraction, elements, k) => {
    const [indices] = chainOf(topK({ fraction }), trained('a', elements)).wire;
    expect(indices?.shape).toEqual([k]);
  });

  const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });
  const updates = fc.array(fc.array(value, { minLength: 7, maxLength: 7 }), { minLength: 1, maxLength: 4 });
  const fraction = fc.double({ min: 0.001, max: 1, noNaN: true });

  it('||x - topK(x)||^2 <= (1 - k/d) ||x||^2 (Stich et al. 2018, Definition 2.1)', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), fraction, (list, part) => {
        const chain = chainOf(topK({ fraction: part }), trained('a', list.length));
        const sent = encode(chain, new Map([['a', float32(...list)]]));
        const square = (values: readonly number[]) => values.reduce((sum, x) => sum + x * x, 0);
        const k = sent.tensors.get('topK/indices')?.data.length ?? Number.NaN;
        const bound = (1 - k / list.length) * square(list.map(Math.fround));
        expect(square(dataOf(sent.state, 'stage:topK/a'))).toBeLessThanOrEqual(bound * (1 + 1e-12));
      }),
    );
  });

  it('loses nothing: what is sent and what is kept are delta and residual', () => {
    fc.assert(
      fc.property(updates, fraction, (deltas, part) => {
        const chain = chainOf(topK({ fraction: part }), trained('a', 4), trained('b', 3));
        let state: NamedTensors = new Map();
        for (const list of deltas) {
          const delta = new Map([
            ['a', float32(...list.slice(0, 4))],
            ['b', float32(...list.slice(4))],
          ]);
          const sent = encode(chain, delta, state);
          const decoded = decode(chain, sent.tensors);
          for (const name of ['a', 'b']) {
            const before = dataOf(state, `stage:topK/${name}`);
            const after = dataOf(sent.state, `stage:topK/${name}`);
            const sums = dataOf(delta, name).map((x, i) => Math.fround(x + (before[i] ?? 0)));
            expect(dataOf(decoded, name).map((x, i) => x + (after[i] ?? Number.NaN) + 0)).toEqual(
              sums.map((x) => x + 0),
            );
            expect(dataOf(decoded, name).every((x, i) => x === 0 || after[i] === 0)).toBe(true);
          }
          state = sent.state;
        }
      }),
    );
  });

  it('sends everything with fraction 1, and keeps zeros', () => {
    const chain = chainOf(topK({ fraction: 1 }), trained('a', 3), trained('h', 2, 'float16'));
    const delta = new Map<string, Tensor>([
      ['a', float32(-0, 1e-40, 3)],
      ['h', { dtype: 'float16', shape: [2], data: Uint16Array.of(0x8001, 0x3c00) }],
    ]);
    const { tensors, state } = encode(chain, delta);
    expect(decode(chain, tensors)).toEqual(delta);
    expect([...state.values()].every(({ data }) => [...data].every((x) => x === 0))).toBe(true);
  });

  it('sends values as float64 if one trained tensor is', () => {
    const chain = chainOf(topK({ fraction: 0.5 }), trained('a', 2), trained('d', 2, 'float64'));
    const big = 1 + 2 ** -50;
    const delta = new Map<string, Tensor>([
      ['a', float32(0.1, 0.3)],
      ['d', { dtype: 'float64', shape: [2], data: Float64Array.of(big, 0.2) }],
    ]);
    const { tensors, state } = encode(chain, delta);
    expect(tensors.get('topK/values')).toEqual({
      dtype: 'float64',
      shape: [2],
      data: Float64Array.of(Math.fround(0.3), big),
    });
    expect(state.get('stage:topK/a')).toEqual(float32(0.1, 0));
    expect(state.get('stage:topK/d')).toEqual({ dtype: 'float64', shape: [2], data: Float64Array.of(0, 0.2) });
    expect(dataOf(decode(chain, tensors), 'd')).toEqual([big, 0]);
  });

  it('rounds the sums of a float32 tensor to float32 beside one of float64', () => {
    const chain = chainOf(topK({ fraction: 0.5 }), trained('a', 1), trained('d', 1, 'float64'));
    const d = (value: number): Tensor => ({ dtype: 'float64', shape: [1], data: Float64Array.of(value) });
    const residual = new Map([
      ['stage:topK/a', float32(2 ** -30)],
      ['stage:topK/d', d(2 ** -60)],
    ]);
    const { tensors, state } = encode(
      chain,
      new Map([
        ['a', float32(1)],
        ['d', d(0.5)],
      ]),
      residual,
    );
    expect(dataOf(tensors, 'topK/values')).toEqual([1]);
    expect(state.get('stage:topK/a')).toEqual(float32(0));
    expect(state.get('stage:topK/d')).toEqual(d(0.5));
  });

  it('keeps what rounding to float16 takes away', () => {
    const chain = chainOf(topK({ fraction: 1 }), trained('h', 1, 'float16'));
    const residual = new Map([['stage:topK/h', float32(2 ** -13)]]);
    const delta = new Map<string, Tensor>([
      ['h', { dtype: 'float16', shape: [1], data: encodeHalves(Float64Array.of(1)) }],
    ]);
    const { tensors, state } = encode(chain, delta, residual);
    expect(dataOf(tensors, 'topK/values')).toEqual([1]);
    expect(dataOf(state, 'stage:topK/h')).toEqual([2 ** -13]);
    const [decoded] = decodeHalves(decode(chain, tensors).get('h')?.data as Uint16Array);
    expect(decoded).toBe(1);
  });

  it('reaches in the end what it was too small to send', () => {
    const chain = chainOf(topK({ fraction: 0.1 }), trained('a', 10));
    const delta = new Map([['a', float32(10, 1, 1, 1, 1, 1, 1, 1, 1, 1)]]);
    const total = new Float64Array(10);
    let state: NamedTensors = new Map();
    for (let task = 0; task < 400; task++) {
      const sent = encode(chain, delta, state);
      for (const [i, x] of dataOf(decode(chain, sent.tensors), 'a').entries()) total[i] = (total[i] ?? 0) + x;
      state = sent.state;
    }
    for (const [i, x] of total.entries()) expect(x / 400).toBeGreaterThan(i === 0 ? 9.5 : 0.9);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses an update that holds %d', (bad) => {
    const chain = chainOf(topK({ fraction: 0.5 }), trained('a', 2));
    expect(() => encode(chain, new Map([['a', float32(1, bad)]]))).toThrow(
      expect.objectContaining({ code: 'stage.not-finite', fields: { stage: 'topK', client: 3, tensor: 'a' } }),
    );
  });

  it('refuses a sum beyond float16', () => {
    const chain = chainOf(topK({ fraction: 0.5 }), trained('h', 1, 'float16'));
    const delta = new Map<string, Tensor>([['h', { dtype: 'float16', shape: [1], data: Uint16Array.of(0x7bff) }]]);
    const residual = new Map([['stage:topK/h', float32(100)]]);
    expect(() => encode(chain, delta, residual)).toThrow(expect.objectContaining({ code: 'stage.not-finite' }));
  });

  it('refuses the state of another model', () => {
    const chain = chainOf(topK({ fraction: 0.5 }), trained('a', 2));
    for (const state of [new Map([['stage:topK/a', float32(1)]]), new Map([['stage:topK/b', float32(1, 2)]])]) {
      expect(() => encode(chain, new Map([['a', float32(1, 2)]]), state)).toThrow(
        expect.objectContaining({ code: 'stage.state' }),
      );
    }
  });

  it.each([[[2, 1]], [[1, 1]], [[-1, 2]], [[0, 5]]])('refuses positions %j at the server', (positions) => {
    const chain = chainOf(topK({ fraction: 0.4 }), trained('a', 5));
    const payload = new Map<string, Tensor>([
      ['topK/indices', { dtype: 'int32', shape: [2], data: Int32Array.from(positions) }],
      ['topK/values', float32(1, 2)],
    ]);
    expect(() => decode(chain, payload)).toThrow(
      expect.objectContaining({
        code: 'stage.payload',
        fields: expect.objectContaining({ stage: 'topK', client: 3, tensor: 'topK/indices' }),
      }),
    );
  });

  it('takes any positions that ascend within the vector, and no others', () => {
    const chain = chainOf(topK({ fraction: 0.5 }), trained('a', 3), trained('b', 3, 'float16'));
    const positions = fc.array(fc.integer({ min: -1, max: 6 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(positions, (list) => {
        const payload = new Map<string, Tensor>([
          ['topK/indices', { dtype: 'int32', shape: [3], data: Int32Array.from(list) }],
          ['topK/values', float32(1, 2, 3)],
        ]);
        const sound = list.every((place, i) => place > (list[i - 1] ?? -1) && place < 6);
        if (!sound) {
          expect(() => decode(chain, payload)).toThrow(expect.objectContaining({ code: 'stage.payload' }));
          return;
        }
        const decoded = decode(chain, payload);
        const values = [...dataOf(decoded, 'a'), ...decodeHalves(decoded.get('b')?.data as Uint16Array)];
        expect(values).toEqual([0, 1, 2, 3, 4, 5].map((place) => list.indexOf(place) + 1));
      }),
      { numRuns: 300 },
    );
  });

  it('gives each tensor memory of its own', () => {
    const chain = chainOf(topK({ fraction: 1 }), trained('a', 2), trained('b', 2));
    const sent = encode(
      chain,
      new Map([
        ['a', float32(1, 2)],
        ['b', float32(3, 4)],
      ]),
    );
    const buffers = [...decode(chain, sent.tensors).values(), ...sent.state.values()].map(({ data }) => data.buffer);
    expect(new Set(buffers).size).toBe(buffers.length);
  });
});
