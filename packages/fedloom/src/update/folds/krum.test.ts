import type { DType, Tensor } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../core/random.js';
import type { IndividualFold } from '../fold-contract.js';
import { foldOnce } from '../testing/fold-conformance.js';
import { contributionOf, specOf, valuesOf, vectorsOf } from '../testing/fold-inputs.js';
import { shuffledIndices } from '../testing/rational.js';
import { krum, krumScores, multiKrum } from './krum.js';
import { squaredDistances } from './squared-distances.js';
import { naiveKrumOrder, naiveSquaredDistance, naiveWeightedMean } from './testing/naive-folds.js';

function folded(fold: IndividualFold, clients: readonly (readonly number[])[], dtype?: DType): number[] {
  const { specs, contributions } = vectorsOf(clients, dtype);
  const tensor = foldOnce(fold, contributions, specs).get('w');
  if (tensor === undefined) throw new Error('the aggregate lacks w');
  return valuesOf(tensor);
}

/** Whole numbers, so that distances are exact and ties are ties, and a number of attackers that their number allows. */
const problems = fc
  .tuple(fc.integer({ min: 3, max: 11 }), fc.integer({ min: 1, max: 7 }), fc.nat())
  .chain(([clients, length, some]) =>
    fc.record({
      f: fc.constant(some % Math.floor((clients - 1) / 2)),
      vectors: fc.array(fc.array(fc.integer({ min: -4, max: 4 }), { minLength: length, maxLength: length }), {
        minLength: clients,
        maxLength: clients,
      }),
    }),
  );

describe('krum', () => {
  it.each<DType>(['float32', 'float64', 'float16'])('takes the update that the naive rule takes, of %s', (dtype) => {
    fc.assert(
      fc.property(problems, ({ vectors, f }) => {
        expect(folded(krum({ f }), vectors, dtype)).toEqual(vectors[naiveKrumOrder(vectors, f)[0] as number]);
      }),
    );
  });

  it('takes the lowest client of equal ones', () => {
    const specs = [specOf('w', [1]), specOf('control/w', [1], { kind: 'upload' })];
    const contributions = [7, 8, 9, 10].map((upload, client) => contributionOf(client, specs, [[1], [upload]]));
    expect(foldOnce(krum({ f: 0 }), contributions, specs).get('control/w')?.data).toEqual(Float64Array.of(7));
  });

  it('measures trained floats alone, over all of them as one vector, and takes buffers and uploads from the chosen', () => {
    const specs = [
      specOf('a', [1]),
      specOf('b', [1]),
      specOf('mean', [1], { kind: 'buffer' }),
      specOf('steps', [], { dtype: 'int64', kind: 'buffer' }),
      specOf('top', [1], { kind: 'buffer', fold: 'max' }),
      specOf('slot/a', [1], { kind: 'upload' }),
    ];
    // On `a` alone client 0 lies in the middle, on `b` alone client 1; on both, client 2. Its buffers and uploads lie far off.
    const values = [
      [[0], [9], [1], [1], [1], [1]],
      [[9], [0], [1], [1], [1], [1]],
      [[3], [3], [1e6], [500], [1e6], [-1e6]],
      [[3], [4], [1], [1], [1], [1]],
      [[4], [3], [1], [1], [1], [1]],
    ];
    const contributions = values.map((tensors, client) => contributionOf(client, specs, tensors));
    const aggregate = foldOnce(krum({ f: 1 }), contributions, specs);
    expect([...aggregate].map(([name, tensor]) => [name, valuesOf(tensor)[0]])).toEqual([
      ['a', 3],
      ['b', 3],
      ['mean', 1e6],
      ['slot/a', -1e6],
      ['steps', 500],
      ['top', 1e6],
    ]);
  });

  it('ranks by tiny differences beside a huge offset, where expanded squares lose all digits', () => {
    const steps = [0, 2, 3, 4, 7, 50, 51];
    const vectors = steps.map((step) => Array.from({ length: 9 }, (_, i) => 1e8 + 12345.678 * i + step * 2 ** -20));
    // Three nearest each: 4 + 1 + 4 steps squared from 2, 1 + 1 + 9 from 3.
    expect(folded(krum({ f: 2 }), vectors, 'float64')).toEqual(vectors[1]);

    const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
    const expanded = (a: readonly number[], b: readonly number[]) => dot(a, a) + dot(b, b) - 2 * dot(a, b);
    const all = Float64Array.from(vectors.flatMap((a) => vectors.map((b) => expanded(a, b))));
    expect(Math.min(...all)).toBeLessThan(0);
    const scores = krumScores(all, vectors.length, 2);
    expect(scores.indexOf(Math.min(...scores))).not.toBe(1);
  });

  it('distances equal those of a plain loop, over many blocks and tensors', () => {
    const specs = [
      specOf('a', [2500]),
      specOf('b', [3], { dtype: 'float16' }),
      specOf('c', [1024], { dtype: 'float64' }),
    ];
    const contributions = [0, 1, 2, 3].map((client) =>
      contributionOf(
        client,
        specs,
        specs.map(({ shape }) => Array.from({ length: shape[0] ?? 0 }, (_, i) => ((i * 7 + client * 13) % 11) - 5)),
      ),
    );
    const vectors = contributions.map(({ update }) => [...update.tensors.values()].flatMap(valuesOf));
    expect([...squaredDistances(contributions, specs)]).toEqual(
      vectors.flatMap((a) => vectors.map((b) => naiveSquaredDistance(a, b))),
    );
  });

  it('is not led astray by differences whose squares exceed float64, as long as the honest ones do not', () => {
    expect(folded(krum({ f: 1 }), [[1], [2], [3], [1e200], [2.5]], 'float64')).toEqual([2.5]);
    const far = [[1e200], [2e200], [3e200], [-1e200], [-2e200]];
    expect(() => folded(krum({ f: 1 }), far, 'float64')).toThrow(
      expect.objectContaining({ code: 'aggregate.overflow' }),
    );
  });

  it('takes the same update whoever sent it, where no scores are equal', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 2 }), (seed, f) => {
        const random = RandomStream.of(seed, 'krum-test');
        const vectors = Array.from({ length: 9 }, () => Array.from({ length: 5 }, () => random.normal()));
        const moved = shuffledIndices(vectors.length, seed).map((at) => vectors[at] as number[]);
        expect(folded(krum({ f }), moved)).toEqual(folded(krum({ f }), vectors));
        const [one, other] = [moved, vectors].map((clients) => folded(multiKrum({ f }), clients, 'float64'));
        expect(Math.max(...(one ?? []).map((value, i) => Math.abs(value - (other?.[i] as number))))).toBeLessThan(
          1e-14,
        );
      }),
    );
  });

  it('does not depend on the order in which the tensors are listed', () => {
    // Each small square alone is lost beside the 4 between clients 0 and 2, but not both together: from `a` on, clients 0
    // and 1 are equally good, from `c` on client 1 is better.
    const small = 1.25 * 2 ** -26;
    const values = [
      [[2], [small], [small]],
      [[2], [0], [0]],
      [[0], [0], [0]],
      [[100], [0], [0]],
    ];
    const specs = ['a', 'b', 'c'].map((name) => specOf(name, [1], { dtype: 'float64' }));
    const contributions = values.map((tensors, client) => contributionOf(client, specs, tensors));
    for (const listed of [specs, [...specs].reverse()]) {
      expect(foldOnce(krum({ f: 0 }), contributions, listed).get('b')?.data).toEqual(Float64Array.of(small));
    }
  });

  it('gives the update as it is, whatever its weight', () => {
    const specs = [specOf('w', [1], { dtype: 'float64' }), specOf('steps', [], { dtype: 'int64', kind: 'buffer' })];
    for (const weight of [0, 1 / 3, 600]) {
      const contributions = [0.1, 0.1, 0.1].map((value, client) =>
        contributionOf(client, specs, [[value], [7]], { weight, sampleCount: 3 }),
      );
      const aggregate = foldOnce(krum({ f: 0 }), contributions, specs);
      expect([...aggregate.values()].map(({ data }) => data[0])).toEqual([7n, 0.1]);
    }
  });

  it('refuses updates without trained floats', () => {
    const specs = [specOf('n', [1], { dtype: 'int32' })];
    const contributions = [1, 2, 3].map((value, client) => contributionOf(client, specs, [[value]]));
    expect(() => foldOnce(krum({ f: 0 }), contributions, specs)).toThrow(
      expect.objectContaining({ code: 'aggregate.untrained' }),
    );
  });
});

describe('krumScores', () => {
  it('sums the n - f - 2 nearest', () => {
    // On a line at 0, 1, 3, 7 and 20: squared distances from 3 are 9, 4, 16, 289.
    const places = [0, 1, 3, 7, 20];
    const distances = Float64Array.from(places.flatMap((a) => places.map((b) => (a - b) ** 2)));
    expect([...krumScores(distances, 5, 1)]).toEqual([1 + 9, 1 + 4, 4 + 9, 16 + 36, 169 + 289]);
    expect([...krumScores(distances, 5, 0)][2]).toBe(4 + 9 + 16);
  });
});

describe('multiKrum', () => {
  it('is the weighted mean of the best m, n - f by default', () => {
    fc.assert(
      fc.property(problems, fc.nat(), ({ vectors, f }, some) => {
        const m = 1 + (some % vectors.length);
        const { specs } = vectorsOf(vectors);
        const weights = vectors.map((_, i) => 1 + ((i * 5) % 7));
        const contributions = vectors.map((vector, i) =>
          contributionOf(i, specs, [vector], { weight: weights[i] as number }),
        );
        for (const [fold, count] of [
          [multiKrum({ f, m }), m],
          [multiKrum({ f }), vectors.length - f],
        ] as const) {
          const best = naiveKrumOrder(vectors, f).slice(0, count);
          const expected = naiveWeightedMean(
            best.map((i) => vectors[i] as number[]),
            best.map((i) => weights[i] as number),
          );
          const found = valuesOf(foldOnce(fold, contributions, specs).get('w') as Tensor);
          expect(Math.max(...found.map((value, i) => Math.abs(value - (expected[i] as number))))).toBeLessThan(1e-12);
        }
      }),
    );
  });

  it('with m = 1 is krum, to the bit', () => {
    fc.assert(
      fc.property(problems, ({ vectors, f }) => {
        expect(folded(multiKrum({ f, m: 1 }), vectors)).toEqual(folded(krum({ f }), vectors));
      }),
    );
  });

  it('weighs trained tensors and uploads by the weight, buffers by samples; integers half to even', () => {
    const specs = [
      specOf('mean', [1], { kind: 'buffer' }),
      specOf('slot/w', [1], { kind: 'upload' }),
      specOf('steps', [], { dtype: 'int64', kind: 'buffer' }),
      specOf('w', [1]),
    ];
    const [one, two] = [
      { weight: 3, sampleCount: 1 },
      { weight: 1, sampleCount: 1 },
    ];
    const contributions = [
      contributionOf(0, specs, [[0], [0], [2], [0]], one),
      contributionOf(1, specs, [[4], [4], [3], [4]], two),
      contributionOf(2, specs, [[90], [90], [90], [90]], two),
      contributionOf(3, specs, [[200], [200], [200], [200]], two),
      contributionOf(4, specs, [[300], [300], [300], [300]], two),
    ];
    const aggregate = foldOnce(multiKrum({ f: 1, m: 2 }), contributions, specs);
    expect([...aggregate].map(([name, { data }]) => [name, Number(data[0])])).toEqual([
      ['mean', 2],
      ['slot/w', 1],
      ['steps', 2],
      ['w', 1],
    ]);
  });

  it('averages integers of any size, and refuses sums of floats that are not finite', () => {
    const specs = [specOf('n', [1], { dtype: 'int64', kind: 'buffer' }), specOf('w', [1], { dtype: 'float64' })];
    const round = (n: number, w: number) =>
      [1, 2, 3].map((client) => contributionOf(client, specs, [[n], [w]], { weight: 1000, sampleCount: 1000 }));
    expect(foldOnce(multiKrum({ f: 0 }), round(2 ** 62, 1e300), specs).get('n')?.data).toEqual(
      BigInt64Array.of(2n ** 62n),
    );
    expect(() => foldOnce(multiKrum({ f: 0 }), round(1, 1e308), specs)).toThrow(
      expect.objectContaining({ code: 'aggregate.overflow' }),
    );
  });

  it('refuses chosen updates that all weigh nothing', () => {
    const specs = [specOf('w', [1])];
    const contributions = [1, 2, 3].map((value, i) => contributionOf(i, specs, [[value]], { weight: 0 }));
    expect(() => foldOnce(multiKrum({ f: 0 }), contributions, specs)).toThrow(
      expect.objectContaining({ code: 'aggregate.weight' }),
    );
  });
});

describe('too few updates', () => {
  it.each([
    [
      krum({ f: 1 }),
      4,
      'krum with f=1 needs more than 2f + 2 = 2 * 1 + 2 = 4 updates, but a round has 4. Ask more clients a round. With 4, f can be 0 at most.',
    ],
    [
      krum({ f: 0 }),
      2,
      'krum with f=0 needs more than 2f + 2 = 2 * 0 + 2 = 2 updates, but a round has 2. Ask more clients a round.',
    ],
    [
      multiKrum({ f: 1, m: 9 }),
      5,
      'multiKrum with m=9 needs at least m = 9 updates, but a round has 5. Choose m of at most 4.',
    ],
  ])('are refused by %o', (fold, updates, message) => {
    expect(() => fold.checkCohort?.(updates)).toThrow(expect.objectContaining({ code: 'fold.too-few', message }));
    const { specs, contributions } = vectorsOf(Array.from({ length: updates }, () => [1]));
    expect(() => fold.combine(contributions, specs)).toThrow(
      expect.objectContaining({ code: 'aggregate.too-few', message: message.replace('a round has', 'this round has') }),
    );
  });

  it('one more than 2f + 2 is enough', () => {
    expect(() => krum({ f: 1 }).checkCohort?.(5)).not.toThrow();
    expect(folded(krum({ f: 1 }), [[0], [1], [2], [3], [99]])).toEqual([1]);
  });
});

describe('options', () => {
  it('are kept, with those that were given', () => {
    expect(krum({ f: -0 }).options).toEqual({ f: 0 });
    expect([krum({ f: 2 }).options, multiKrum({ f: 2 }).options, multiKrum({ f: 2, m: 3 }).options]).toEqual([
      { f: 2 },
      { f: 2 },
      { f: 2, m: 3 },
    ]);
  });

  it.each([
    [() => krum({ f: -1 }), /krum: f is -1; it must be a whole number of at least 0\. Write it like krum\(f=1\)/],
    [() => krum({} as { f: number }), /krum: f is missing/],
    [() => multiKrum({ f: 1, m: 0 }), /multiKrum: m is 0; it must be a whole number of at least 1/],
    [() => multiKrum({ f: 1, n: 3 } as { f: number }), /multiKrum: there is no option "n"\..* Its options: f, m\./],
  ])('are checked: %o', (make, message) => {
    expect(make).toThrow(expect.objectContaining({ code: 'fold.option', message: expect.stringMatching(message) }));
  });
});
