import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FedloomError } from '../errors.js';
import { batchNorm } from '../layers/batch-norm.js';
import { dense } from '../layers/dense.js';
import { dropout } from '../layers/dropout.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import { flatten } from '../layers/shape-layers.js';
import { bodyAttribute, integerAttribute, integers, node, withMore, zero } from '../testing/hostile-graphs.js';
import {
  averagingRecipe,
  cnnRecipe,
  controlVariateTerms,
  mlpRecipe,
  regressionRecipe,
  textRecipe,
} from '../testing/recipes.js';
import { compilePlan } from './compile.js';
import { decodePlan, encodePlan } from './encode.js';
import type { TrainingPlan } from './manifest.js';
import { PlanMemory } from './plan-memory.js';

const layers = [flatten(), dense(8), batchNorm(), relu(), dropout(0.4), dense(3)];
const sources = [mlpRecipe(), cnnRecipe({ terms: controlVariateTerms }), textRecipe(), regressionRecipe()];
const plans = [...sources, averagingRecipe(), mlpRecipe({ name: 'layers', model: sequential(layers) })].map((source) =>
  compilePlan(source),
);
const [honest] = plans as [TrainingPlan];
const regression = plans[3] as TrainingPlan;

/** A plan whose train graph does more than it says, as it comes from a server. */
function hostile(...parts: readonly Uint8Array[]): TrainingPlan {
  return decodePlan(encodePlan({ ...regression, train: withMore(regression.train, ...parts) }).slice());
}
const check =
  (plan: TrainingPlan, sampleCount = 100) =>
  () =>
    new PlanMemory(plan).check('train', sampleCount);
const code = (expected: string, message: RegExp) =>
  expect.objectContaining({ code: expected, message: expect.stringMatching(message) });

describe('plans that a compiler made', () => {
  test.each(plans.map((plan) => [plan.manifest.name, plan] as const))(
    '%s takes little, for any number of samples',
    (_, plan) => {
      const memory = new PlanMemory(plan, { bytesMax: 256 * 2 ** 20, nodeRunsMax: 1e7 });
      for (const kind of ['train', 'evaluate', 'finish'] as const) {
        for (const samples of [1, 3, 64, 1000, 100_000]) expect(() => memory.check(kind, samples)).not.toThrow();
      }
    },
  );

  test('are refused where even that is too much, with the arithmetic', () => {
    const memory = new PlanMemory(honest, { bytesMax: 100, nodeRunsMax: 1e7 });
    expect(() => memory.check('train', 10)).toThrow(
      code(
        'plan.memory',
        /takes \d+ bytes at one time for 2000 samples in \d+ steps of \d+, and 100 are allowed: most at .*node/,
      ),
    );
  });
});

describe('plans that somebody changed', () => {
  test('a scalar expanded to 10 GB', () => {
    const plan = hostile(zero('z'), integers('huge', [2_500_000_000]), node('Expand', ['z', 'huge'], ['big']));
    expect(check(plan)).toThrow(
      code('plan.memory', /\(Expand\), which makes float32 \[2500000000\] of 10000000000 bytes/),
    );
  });

  test('tensors that are small each, and doubled again and again', () => {
    const doubled = Array.from({ length: 40 }, (_, i) =>
      node('Concat', [`d${i}`, `d${i}`], [`d${i + 1}`], [integerAttribute('axis', 0)]),
    );
    const plan = hostile(zero('z'), integers('one', [1]), node('Expand', ['z', 'one'], ['d0']), ...doubled);
    expect(check(plan)).toThrow(code('plan.memory', /\(Concat\)/));
  });

  test('every sample with every other: as long as there are few', () => {
    const gemm = node('Gemm', ['x', 'x'], ['pairs'], [integerAttribute('transB', 1)]);
    const plan = hostile(gemm);
    expect(check(plan, 2000)).not.toThrow();
    expect(check(plan, 60_000)).toThrow(code('plan.memory', /\(Gemm\), which makes float32 \[60000, 60000\]/));
  });

  test('a loop of 1e9 turns', () => {
    const body = bodyAttribute(
      ['i', 'go', 'v'],
      ['on', 'w'],
      node('Identity', ['go'], ['on']),
      node('Neg', ['v'], ['w']),
    );
    const plan = hostile(
      zero('z'),
      integers('turns', 1_000_000_000),
      node('Loop', ['turns', '', 'z'], ['end'], [body]),
    );
    expect(check(plan)).toThrow(code('plan.limit', /runs its nodes 20000\d{5} times in one call/));
  });

  test('a loop that turns as often as the data say', () => {
    const body = bodyAttribute(
      ['i', 'go', 'v'],
      ['on', 'w'],
      node('Identity', ['go'], ['on']),
      node('Neg', ['v'], ['w']),
    );
    const cast = node('Cast', ['scalar/learningRate'], ['turns'], [integerAttribute('to', 7)]);
    const plan = hostile(zero('z'), cast, node('Loop', ['turns', '', 'z'], ['end'], [body]));
    expect(check(plan)).toThrow(code('plan.graph', /how often a node \(Loop\) turns follows from its data/));
  });

  test('a loop that grows what it carries, or has no end of its own', () => {
    const grows = bodyAttribute(
      ['i', 'go', 'v'],
      ['on', 'w'],
      node('Identity', ['go'], ['on']),
      node('Unsqueeze', ['v', 'axis'], ['w']),
    );
    const turns = [integers('turns', 10), integers('axis', [0]), zero('z')];
    expect(check(hostile(...turns, node('Loop', ['turns', '', 'z'], ['end'], [grows])))).toThrow(
      code('plan.graph', /changes the size or type of what it carries/),
    );
    const conditional = node('Loop', ['turns', 'turns', 'z'], ['end'], [grows]);
    expect(check(hostile(...turns, conditional))).toThrow(code('plan.graph', /ends by a condition/));
  });

  test.each<[string, readonly Uint8Array[], RegExp]>([
    ['uses what nobody makes', [node('Neg', ['nothing'], ['y'])], /'nothing' before anything makes that/],
    ['makes a name twice', [zero('z'), node('Neg', ['z'], ['x'])], /gives the name 'x' twice/],
    [
      'has a shape of its data',
      [
        zero('z'),
        node('Cast', ['scalar/learningRate'], ['s'], [integerAttribute('to', 7)]),
        node('Expand', ['z', 's'], ['y']),
      ],
      /follows from its data/,
    ],
    [
      'has a negative extent',
      [zero('z'), integers('s', [-5]), node('Expand', ['z', 's'], ['y'])],
      /cannot take float32 \[\] and int64/,
    ],
  ])('%s: refused', (_, parts, text) => {
    expect(check(hostile(...parts))).toThrow(code('plan.graph', text));
  });
});

test('bytes that were changed anywhere: a plan, or an error with a code, and soon', () => {
  const { bytes } = plans[1] as TrainingPlan;
  const tryOut = (changed: Uint8Array) => {
    try {
      const memory = new PlanMemory(decodePlan(changed));
      for (const kind of ['train', 'evaluate', 'finish'] as const) memory.check(kind, 100);
    } catch (error) {
      if (!(error instanceof FedloomError)) throw error;
    }
  };
  const place = fc.nat(bytes.length - 1);
  fc.assert(
    fc.property(fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
      const changed = bytes.slice();
      for (const [at, value] of changes) changed[at] = value;
      tryOut(changed);
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(place, (length) => tryOut(bytes.slice(0, length))),
    { numRuns: 50 },
  );
});
