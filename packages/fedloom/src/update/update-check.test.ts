import { FedloomError, type Tensor, zeros } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { namedHash } from '../conformance/named-hash.js';
import { clientIndex, versionNumber } from '../core/brands.js';
import { RunningMean } from './running-mean.js';
import { specOf, tensorOf } from './testing/contributions.js';
import type { Update } from './update.js';
import { checkTerms, checkUpdate } from './update-check.js';

const specs = [
  specOf('seen', [], 'int64', { kind: 'buffer' }),
  specOf('bias', [3]),
  specOf('top', [1], 'float64', { fold: 'max' }),
];

interface Changes {
  readonly tensors?: Readonly<Record<string, Tensor | undefined>>;
  readonly facts?: Readonly<Record<string, number>>;
}

function updateOf({ tensors = {}, facts = { sampleCount: 600, meanLoss: 0.5 } }: Changes = {}): Update {
  const all: Record<string, Tensor | undefined> = {
    bias: tensorOf('float32', [1, -2.5, 2]),
    seen: tensorOf('int64', [-7], []),
    top: zeros('float64', [1]),
    ...tensors,
  };
  const present = Object.entries(all).flatMap(([name, tensor]) =>
    tensor === undefined ? [] : [[name, tensor] as const],
  );
  const base = { model: 'global', number: versionNumber(0), hash: namedHash('') };
  return { client: clientIndex(7), base, task: 3, attempt: 1, facts, tensors: new Map(present) };
}

function errorOf(changes: Changes, sampleCountMax?: number): FedloomError {
  try {
    if (sampleCountMax === undefined) checkUpdate(updateOf(changes), specs);
    else checkUpdate(updateOf(changes), specs, { sampleCountMax });
  } catch (error) {
    if (error instanceof FedloomError) return error;
    throw error;
  }
  throw new Error('the update passed');
}

describe('checkUpdate', () => {
  it('gives the largest magnitude and the norm of each tensor in the order of the specs', () => {
    const norms = Float64Array.of(0, Math.sqrt(1 + 2.5 ** 2 + 4), 0);
    expect(checkUpdate(updateOf(), specs)).toEqual({ magnitudes: Float64Array.of(7, 2.5, 0), norms });
  });

  it('passes what the exact sums hold, however large', () => {
    const large = { bias: tensorOf('float32', [1e6, 3e38, 0]), top: tensorOf('float64', [1e300]) };
    expect(checkUpdate(updateOf({ tensors: large, facts: { sampleCount: 1e9 } }), specs).magnitudes[2]).toBe(1e300);
  });

  it.each<[string, RegExp, Changes]>([
    ['update.names', /lacks tensor "bias"/, { tensors: { bias: undefined } }],
    ['update.names', /holds a tensor "extra"/, { tensors: { extra: tensorOf('float32', [1]) } }],
    ['update.shape', /shape \[2\] in tensor "bias" where \[3\]/, { tensors: { bias: tensorOf('float32', [1, 2]) } }],
    ['update.dtype', /float64 in tensor "bias" where float32/, { tensors: { bias: zeros('float64', [3]) } }],
    [
      'update.not-finite',
      /NaN or infinity in tensor "bias"/,
      { tensors: { bias: tensorOf('float32', [1, Number.NaN, 2]) } },
    ],
    [
      'update.not-finite',
      /tensor "bias"/,
      { tensors: { bias: tensorOf('float32', [1, 2, Number.NEGATIVE_INFINITY]) } },
    ],
    ['update.not-finite', /tensor "top"/, { tensors: { top: tensorOf('float64', [Number.NaN]) } }],
    ['update.fact', /"meanLoss" as NaN/, { facts: { sampleCount: 1, meanLoss: Number.NaN } }],
    ['update.fact', /"meanLoss" as -Infinity/, { facts: { sampleCount: 1, meanLoss: Number.NEGATIVE_INFINITY } }],
    ['update.fact', /"meanLoss" as 1e\+301/, { facts: { sampleCount: 1, meanLoss: 1e301 } }],
    ['update.fact', /0 characters/, { facts: { sampleCount: 1, '': 1 } }],
    ['update.fact', /257 characters/, { facts: { sampleCount: 1, ['x'.repeat(257)]: 1 } }],
    [
      'update.fact',
      /has 65 facts/,
      { facts: { sampleCount: 1, ...Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`fact${i}`, i])) } },
    ],
    ['update.sample-count', /no sample count/, { facts: {} }],
  ])('refuses with %s (%s), naming the client', (code, message, changes) => {
    const error = errorOf(changes);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).toContain('client 7');
    expect(error.fields.who).toBe('client 7');
  });

  it('takes facts up to their bounds', () => {
    const facts = {
      sampleCount: 1e9,
      ['x'.repeat(256)]: -1e100,
      ...Object.fromEntries(Array.from({ length: 62 }, (_, i) => [`fact${i}`, i])),
    };
    expect(() => checkUpdate(updateOf({ facts }), specs)).not.toThrow();
  });

  it.each([0, -5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e9 + 1])('refuses the sample count %d', (sampleCount) => {
    const error = errorOf({ facts: { sampleCount } });
    expect(error.code).toBe('update.sample-count');
    expect(error.message).toContain(`${sampleCount}`);
  });

  it('takes the limit on sample counts that it is given', () => {
    expect(errorOf({ facts: { sampleCount: 101 } }, 100).code).toBe('update.sample-count');
  });
});

describe('checkTerms', () => {
  const specs = [
    specOf('far', [1], 'float64'),
    specOf('mean', [1], 'float64', { kind: 'buffer' }),
    specOf('steps', [1], 'int64'),
    specOf('top', [1], 'float64', { fold: 'max' }),
  ];
  const check = (far: number, mean: number, { weight = 1, sampleCount = 1 }) => {
    const update: Update = {
      ...updateOf({ facts: { sampleCount } }),
      tensors: new Map([
        ['far', tensorOf('float64', [far])],
        ['mean', tensorOf('float64', [mean])],
        ['steps', tensorOf('int64', [-(2 ** 63)])],
        ['top', tensorOf('float64', [1e308])],
      ]),
    };
    const { magnitudes } = checkUpdate(update, specs);
    checkTerms(update, weight, magnitudes, specs);
    return { update, weight, magnitudes };
  };

  it.each<[string, number, number, { weight?: number; sampleCount?: number }]>([
    ['far', 2 ** 901, 0, { weight: 0.5 }],
    ['far', 2 ** 900, 0, { weight: 2 }],
    ['far', -(2 ** 601), 0, { weight: 2 ** 300 }],
    ['mean', 0, 2 ** 900, { sampleCount: 2 }],
  ])('refuses terms beyond 2^900 in tensor %s', (tensor, far, mean, weights) => {
    expect(() => check(far, mean, weights)).toThrow(
      expect.objectContaining({
        code: 'update.too-large',
        fields: expect.objectContaining({ who: 'client 7', tensor }),
      }),
    );
  });

  it.each<[number, number, { weight: number; sampleCount: number }]>([
    [2 ** 900, 0, { weight: 1, sampleCount: 1 }],
    [2 ** 600, 0, { weight: 2 ** 300, sampleCount: 1e9 }],
    // Counts of more than 24 bits are rounded up for the sums.
    [1, 2 ** 900 / 999_999_999, { weight: 2 ** -300, sampleCount: 999_999_999 }],
    [2 ** 900, 2 ** 900, { weight: 0, sampleCount: 1 }],
  ])('lets through what the mean adds up: %d, %d, %j', (far, mean, weights) => {
    const contribution = check(far, mean, weights);
    const sum = new RunningMean(specs);
    for (let i = 0; i < 300; i++) sum.add(contribution);
    expect(sum.count).toBe(300);
    expect(Number(sum.partial().tensors.get('levels')?.data[0])).toBeLessThanOrEqual(42);
  });
});
