import type { NamedTensors, Tensor } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stageSuite } from '../../conformance/stage-suite.js';
import { describeSuite } from '../../conformance/testing/describe-suite.js';
import { decodeHalves } from '../../core/float16.js';
import { RandomStream } from '../../core/random.js';
import { scaled } from '../testing/rational.js';
import type { UpdateSpec } from '../update.js';
import { type ClientStagesResult, runClientStages } from './client-stages.js';
import { clip } from './clip.js';
import { floatsOf } from './float-tensors.js';
import { l2Norm } from './norm.js';
import { chainStages, type StageChain } from './payload-specs.js';
import { runServerStages } from './server-stages.js';
import { topK } from './top-k.js';

describeSuite(
  'stage clip(norm=0.01)',
  stageSuite(() => clip({ norm: 0.01 })),
);
describeSuite(
  'stage clip(norm=1e6)',
  stageSuite(() => clip({ norm: 1e6 })),
);

const at = { client: 3, task: 0 };
const random = () => RandomStream.of(1, 'none');
const spec = (name: string, dtype: UpdateSpec['dtype'], length: number, kind: UpdateSpec['kind'] = 'trained') =>
  ({ name, dtype, shape: [length], fold: 'mean', kind }) as const;
const tensor = (dtype: Tensor['dtype'], data: Tensor['data']): Tensor => ({ dtype, shape: [data.length], data });
const float32 = (...values: number[]) => tensor('float32', Float32Array.from(values));

function encode(chain: StageChain, tensors: NamedTensors, state: NamedTensors = new Map()): ClientStagesResult {
  return runClientStages(chain, tensors, { ...at, state, random }) as ClientStagesResult;
}
const decode = (chain: StageChain, payload: NamedTensors) => runServerStages(chain, payload, at) as NamedTensors;
const exactSquare = (tensors: NamedTensors): bigint =>
  [...tensors.values()].flatMap((value) => [...floatsOf(value)]).reduce((sum, x) => sum + scaled(x) ** 2n, 0n);

describe('clip', () => {
  it('scales all trained floats as one vector, and nothing else', () => {
    const chain = chainStages(
      [clip({ norm: 2.5 })],
      [spec('a', 'float32', 1), spec('b', 'float32', 1), spec('m', 'float32', 1, 'buffer')],
    );
    const update = new Map([
      ['a', float32(3)],
      ['b', float32(-4)],
      ['m', float32(100)],
    ]);
    const { tensors, state } = encode(chain, update);
    expect(tensors.get('a')?.data[0]).toBeCloseTo(1.5, 6);
    expect(tensors.get('b')?.data[0]).toBeCloseTo(-2, 6);
    expect(tensors.get('m')).toBe(update.get('m'));
    expect(state.size).toBe(0);
    expect(decode(chain, tensors)).toBe(tensors);
  });

  it('leaves what is within the norm to the bit', () => {
    const chain = chainStages([clip({ norm: 5 })], [spec('a', 'float32', 2)]);
    for (const values of [
      [3, 4],
      [0, -0],
      [1e-42, -0],
    ]) {
      const update = new Map([['a', float32(...values)]]);
      expect(encode(chain, update).tensors).toBe(update);
    }
  });

  const chainOf = (norm: number) =>
    chainStages([clip({ norm })], [spec('d', 'float64', 3), spec('h', 'float16', 4), spec('s', 'float32', 5)]);
  const halves = fc
    .uint16Array({ minLength: 4, maxLength: 4 })
    .filter((bits) => decodeHalves(bits).every(Number.isFinite));
  const updates = fc.record({
    d: fc.float64Array({ minLength: 3, maxLength: 3, noNaN: true, min: -1e9, max: 1e9 }),
    h: halves,
    s: fc.float32Array({ minLength: 5, maxLength: 5, noNaN: true, min: -(2 ** 30), max: 2 ** 30 }),
  });
  const asTensors = ({ d, h, s }: { d: Float64Array; h: Uint16Array; s: Float32Array }): NamedTensors =>
    new Map([
      [
        'd',
        tensor(
          'float64',
          d.map((x) => (Math.abs(x) < 1e-50 ? 0 : x)),
        ),
      ],
      ['h', tensor('float16', h)],
      ['s', tensor('float32', s)],
    ]);

  it('is never above the norm, exactly, and hardly below it', () => {
    const norms = fc.oneof(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), fc.constantFrom(1, 3e-8, 0.1));
    fc.assert(
      fc.property(updates, norms, (update, norm) => {
        const tensors = asTensors(update);
        const before = l2Norm([...tensors.values()].map(floatsOf));
        const { tensors: sent } = encode(chainOf(norm), tensors);
        if (before <= norm) {
          expect(sent).toBe(tensors);
          return;
        }
        expect(exactSquare(sent) <= scaled(norm) ** 2n).toBe(true);
        // Each element loses less than one unit of its last place, or of the smallest number.
        for (const [name, value] of sent) {
          const [was, is] = [floatsOf(tensors.get(name) as Tensor), floatsOf(value)];
          const smallest = name === 'h' ? 2 ** -24 : 2 ** -149;
          const relative = name === 'h' ? 2 ** -10 : 2 ** -23;
          for (const [i, x] of was.entries()) {
            const ideal = (x * norm) / before;
            expect(Math.abs(ideal - (is[i] ?? Number.NaN))).toBeLessThanOrEqual(Math.abs(ideal) * relative + smallest);
          }
        }
      }),
    );
  });

  it('clips once: what was clipped stays to the bit, and the server takes it', () => {
    fc.assert(
      fc.property(updates, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (update, norm) => {
        const chain = chainOf(norm);
        const { tensors } = encode(chain, asTensors(update));
        expect(encode(chain, tensors).tensors).toBe(tensors);
        expect(decode(chain, tensors)).toBe(tensors);
      }),
    );
  });

  it.each([
    ['s', tensor('float32', Float32Array.of(1, Number.NaN, 0, 0, 0))],
    ['h', tensor('float16', Uint16Array.of(0, 0x7c00, 0, 0))],
    ['d', tensor('float64', Float64Array.of(0, 0, 1e200))],
  ])('refuses NaN, infinity and an overflow, naming tensor %s', (name, bad) => {
    const update = new Map([
      ...asTensors({ d: new Float64Array(3), h: new Uint16Array(4), s: new Float32Array(5) }),
      [name, bad],
    ]);
    expect(() => encode(chainOf(1), update)).toThrow(
      expect.objectContaining({ code: 'stage.not-finite', fields: { stage: 'clip', client: 3, tensor: name } }),
    );
    expect(() => decode(chainOf(1), update)).toThrow(expect.objectContaining({ code: 'stage.clip' }));
  });

  it('refuses at the server who did not clip, but not who rounded', () => {
    const chain = chainStages([clip({ norm: 1 })], [spec('a', 'float32', 1)]);
    expect(() => decode(chain, new Map([['a', float32(1 + 2 ** -21)]]))).not.toThrow();
    expect(() => decode(chain, new Map([['a', float32(1.001)]]))).toThrow(
      expect.objectContaining({
        code: 'stage.clip',
        fields: { stage: 'clip', client: 3, norm: Math.fround(1.001), normMax: 1 },
      }),
    );
  });

  it('bounds what topK sends when it stands behind it', () => {
    const chain = chainStages([topK({ fraction: 0.5 }), clip({ norm: 1 })], [spec('a', 'float32', 4)]);
    let state: NamedTensors = new Map();
    for (let task = 0; task < 5; task++) {
      const sent = encode(chain, new Map([['a', float32(1, -3, 2, 4)]]), state);
      const decoded = decode(chain, sent.tensors);
      expect(exactSquare(decoded) <= scaled(1) ** 2n).toBe(true);
      expect(l2Norm([...decoded.values()].map(floatsOf))).toBeGreaterThan(0.9999);
      state = sent.state;
    }
  });
});
