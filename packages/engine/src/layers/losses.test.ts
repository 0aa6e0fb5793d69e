import { expect, test } from 'vitest';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { binaryAccuracy, binaryCrossEntropyWithLogits } from './binary.js';
import { klDivergence } from './kl-divergence.js';
import { meanAbsoluteError, meanSquaredError } from './losses.js';
import { accuracy, perplexity } from './metrics.js';
import { softmaxCrossEntropy } from './softmax-cross-entropy.js';
import { stacks } from './stacking.js';
import type { Loss, LossContext, Metric } from './types.js';

const logits = floats([2, 3], [1, 2, 3, 0, 0, 0]);
const labels = { dtype: 'int32', shape: [2], data: Int32Array.of(2, 0) } as const;
const twoClasses: LossContext = { predictionShape: [2], targetShape: [], classes: 2 };
const threeClasses: LossContext = { predictionShape: [3], targetShape: [], classes: 3 };

function perSample(loss: Metric, context: LossContext) {
  return (g: Graph, [prediction, target]: readonly Value[]) =>
    loss.perSample(g, prediction!, loss.prepareTarget?.(g, target!, context) ?? target!, context);
}

test('softmaxCrossEntropy is -log softmax at the label', () => {
  const { shape, values } = evaluateGraph([logits, labels], perSample(softmaxCrossEntropy(), threeClasses));
  expect(shape).toEqual([2]);
  expect(values[0]).toBeCloseTo(-Math.log(Math.exp(3) / (Math.exp(1) + Math.exp(2) + Math.exp(3))), 12);
  expect(values[1]).toBeCloseTo(Math.log(3), 12);
});

test('softmaxCrossEntropy of large predictions stays finite', () => {
  const large = floats([1, 2], [1000, -1000]);
  const label = { dtype: 'int32', shape: [1], data: Int32Array.of(1) } as const;
  const context = { predictionShape: [2], targetShape: [], classes: 2 };
  expect(evaluateGraph([large, label], perSample(softmaxCrossEntropy(), context)).values).toEqual([2000]);
});

test('meanSquaredError is the mean over the outputs of a sample', () => {
  const prediction = floats([2, 2], [1, 2, 3, 4]);
  const target = floats([2, 2], [0, 0, 3, 2]);
  const context = { predictionShape: [2], targetShape: [2] };
  expect(evaluateGraph([prediction, target], perSample(meanSquaredError(), context)).values).toEqual([2.5, 2]);
});

test('meanSquaredError of single numbers', () => {
  const context = { predictionShape: [], targetShape: [] };
  const inputs = [floats([2], [1, 2]), floats([2], [3, 2])];
  expect(evaluateGraph(inputs, perSample(meanSquaredError(), context)).values).toEqual([4, 0]);
});

test('a loss that stacks gives the same numbers over more dimensions', () => {
  const loss = softmaxCrossEntropy();
  expect(stacks(loss, threeClasses)).toBe(true);
  const predictions = Array.from({ length: 12 }, (_, index) => Math.sin(index));
  const labels = { dtype: 'int32', shape: [2, 2], data: Int32Array.of(0, 2, 1, 1) } as const;
  const stacked = evaluateGraph([floats([2, 2, 3], predictions), labels], perSample(loss, threeClasses));
  const flat = [floats([4, 3], predictions), { ...labels, shape: [4] }];
  expect(stacked.shape).toEqual([2, 2]);
  expect(stacked.values).toEqual(evaluateGraph(flat, perSample(loss, threeClasses)).values);
});

test('losses refuse data and models that do not go together, with both shapes', () => {
  const cases: readonly [Loss, LossContext, RegExp][] = [
    [softmaxCrossEntropy(), { predictionShape: [4], targetShape: [], classes: 3 }, /\[3\].*\[4\].*dense\(3\)/],
    [
      softmaxCrossEntropy(),
      { predictionShape: [3], targetShape: [2] },
      /shape \[2\] and no number of classes.*gives \[3\]/,
    ],
    [
      softmaxCrossEntropy({ ignore: 0 }),
      { predictionShape: [3], targetShape: [3] },
      /ignore is a label.*probabilities/,
    ],
    [
      softmaxCrossEntropy(),
      { predictionShape: [28, 3], targetShape: [], classes: 3 },
      /shape \[3\].*gives \[28, 3\].*flatten/,
    ],
    [
      softmaxCrossEntropy(),
      { predictionShape: [3], targetShape: [5], classes: 3 },
      /\[5, 3\], one for each position and class.*gives \[3\]/,
    ],
    [meanSquaredError(), { predictionShape: [2], targetShape: [] }, /gives \[2\].*y has \[\].*give \[1\]/],
    [meanSquaredError(), { predictionShape: [2], targetShape: [3] }, /gives \[2\].*y has \[3\].*dense\(3\)/],
    [meanAbsoluteError(), { predictionShape: [4], targetShape: [2, 2] }, /gives \[4\].*give \[2, 2\]/],
    [meanSquaredError(), threeClasses, /labels of 3 classes.*softmaxCrossEntropy/],
    [binaryCrossEntropyWithLogits(), threeClasses, /3 classes.*softmaxCrossEntropy/],
    [binaryCrossEntropyWithLogits(), twoClasses, /gives \[2\].*dense\(1\)/],
    [binaryCrossEntropyWithLogits(), { predictionShape: [2], targetShape: [3] }, /gives \[2\].*\[3\].*dense\(3\)/],
  ];
  for (const [loss, context, message] of cases) {
    expect(() => loss.check(context)).toThrow(message);
    expect(() => loss.check(context)).toThrow(expect.objectContaining({ code: 'loss.shape' }));
  }
  expect(() => softmaxCrossEntropy().check(threeClasses)).not.toThrow();
  expect(() => meanSquaredError().check({ predictionShape: [2], targetShape: [2] })).not.toThrow();
});

test('binaryCrossEntropyWithLogits of labels and of targets', () => {
  const loss = binaryCrossEntropyWithLogits();
  const binary: LossContext = { predictionShape: [1], targetShape: [], classes: 2 };
  const labels = { dtype: 'int32', shape: [3], data: Int32Array.of(1, 0, 1) } as const;
  const { shape, values } = evaluateGraph([floats([3, 1], [2, 2, -100]), labels], perSample(loss, binary));
  expect(shape).toEqual([3]);
  const [right = 0, wrong = 0, far = 0] = values;
  expect([right, wrong, far].map((value) => Number(value.toFixed(12)))).toEqual(
    [Math.log1p(Math.exp(-2)), Math.log1p(Math.exp(2)), 100].map((value) => Number(value.toFixed(12))),
  );
  const several: LossContext = { predictionShape: [2], targetShape: [2] };
  const inputs = [floats([1, 2], [0, 3]), floats([1, 2], [0.5, 1])];
  expect(evaluateGraph(inputs, perSample(loss, several)).values[0]).toBeCloseTo(
    (Math.LN2 + Math.log1p(Math.exp(-3))) / 2,
    12,
  );
});

test('binaryAccuracy takes the side of the threshold', () => {
  const binary: LossContext = { predictionShape: [1], targetShape: [], classes: 2 };
  const labels = { dtype: 'int32', shape: [4], data: Int32Array.of(1, 1, 0, 0) } as const;
  const predictions = floats([4, 1], [0.2, -1, 0.2, 0]);
  expect(evaluateGraph([predictions, labels], perSample(binaryAccuracy(), binary)).values).toEqual([1, 0, 0, 1]);
  const half = binaryAccuracy({ threshold: 0.5 });
  expect(evaluateGraph([predictions, labels], perSample(half, binary)).values).toEqual([0, 0, 1, 1]);
  const several: LossContext = { predictionShape: [2], targetShape: [2] };
  const inputs = [floats([1, 2], [1, 1]), floats([1, 2], [0, 1])];
  expect(evaluateGraph(inputs, perSample(binaryAccuracy(), several)).values).toEqual([0.5]);
  expect(() => binaryAccuracy({ threshold: Number.NaN })).toThrow(expect.objectContaining({ code: 'metric.option' }));
});

test('meanAbsoluteError is the mean over the outputs of a sample', () => {
  const inputs = [floats([2, 2], [1, 2, 3, 4]), floats([2, 2], [0, 4, 3, 2])];
  const context = { predictionShape: [2], targetShape: [2] };
  expect(evaluateGraph(inputs, perSample(meanAbsoluteError(), context)).values).toEqual([1.5, 1]);
});

test('metrics refuse data and models that do not go together', () => {
  const cases: readonly [Metric, LossContext, RegExp][] = [
    [accuracy(), { predictionShape: [1], targetShape: [1] }, /no number of classes.*meanAbsoluteError/],
    [accuracy(), { predictionShape: [1], targetShape: [], classes: 2 }, /gives \[1\].*binaryAccuracy\(\)/],
    [accuracy(), { predictionShape: [3], targetShape: [], classes: 2 }, /gives \[3\].*dense\(2\)/],
    [binaryAccuracy(), twoClasses, /gives \[2\].*dense\(1\)/],
    [binaryAccuracy(), threeClasses, /3 classes.*accuracy\(\)/],
  ];
  for (const [metric, context, message] of cases) {
    expect(() => metric.check?.(context)).toThrow(message);
    expect(() => metric.check?.(context)).toThrow(expect.objectContaining({ code: 'metric.shape' }));
  }
  expect(() => accuracy().check?.(threeClasses)).not.toThrow();
});

test('accuracy counts the labels that have the largest prediction, the first of equals', () => {
  const metric = accuracy();
  const { values } = evaluateGraph([logits, labels], perSample(metric, threeClasses));
  expect(values).toEqual([1, 1]);
  const other = { ...labels, data: Int32Array.of(1, 1) };
  expect(evaluateGraph([logits, other], perSample(metric, threeClasses)).values).toEqual([0, 0]);
});

/** Two samples of three positions. */
const positions: LossContext = { predictionShape: [3, 2], targetShape: [3], classes: 2 };
const sequences = floats([2, 3, 2], [1, 2, 0, 0, -1, 3, 5, 5, 2, 0, 0, 0]);
const sequenceLabels = { dtype: 'int32', shape: [2, 3], data: Int32Array.of(1, 0, 1, 0, 1, 0) } as const;
const tokenLoss = (own: number, other: number) => Math.log(1 + Math.exp(other - own));
const firstLosses = [tokenLoss(2, 1), Math.LN2, tokenLoss(3, -1)];
const secondLosses = [Math.LN2, tokenLoss(0, 2), Math.LN2];
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('softmaxCrossEntropy of positions is the mean over those that count', () => {
  const all = evaluateGraph([sequences, sequenceLabels], perSample(softmaxCrossEntropy(), positions));
  expect(all.shape).toEqual([2]);
  expect(all.values[0]).toBeCloseTo(mean(firstLosses), 12);
  expect(all.values[1]).toBeCloseTo(mean(secondLosses), 12);
  const some = evaluateGraph([sequences, sequenceLabels], perSample(softmaxCrossEntropy({ ignore: 0 }), positions));
  expect(some.values[0]).toBeCloseTo((tokenLoss(2, 1) + tokenLoss(3, -1)) / 2, 12);
  expect(some.values[1]).toBeCloseTo(tokenLoss(0, 2), 12);
  const none = { ...sequenceLabels, data: new Int32Array(6) };
  expect(evaluateGraph([sequences, none], perSample(softmaxCrossEntropy({ ignore: 0 }), positions)).values).toEqual([
    0, 0,
  ]);
  expect(stacks(softmaxCrossEntropy(), positions)).toBe(false);
});

test('softmaxCrossEntropy of probabilities is that of labels where they are sure, and of smoothed labels where they are smooth', () => {
  const context: LossContext = { predictionShape: [3], targetShape: [3] };
  const sure = floats([2, 3], [0, 0, 1, 1, 0, 0]);
  const ofLabels = evaluateGraph([logits, labels], perSample(softmaxCrossEntropy(), threeClasses)).values;
  const ofProbabilities = evaluateGraph([logits, sure], perSample(softmaxCrossEntropy(), context)).values;
  for (const [at, value] of ofProbabilities.entries()) expect(value).toBeCloseTo(ofLabels[at] as number, 12);
  const smoothed = evaluateGraph(
    [logits, labels],
    perSample(softmaxCrossEntropy({ labelSmoothing: 0.3 }), threeClasses),
  ).values;
  const smooth = floats([2, 3], [0.1, 0.1, 0.8, 0.8, 0.1, 0.1]);
  const given = evaluateGraph([logits, smooth], perSample(softmaxCrossEntropy(), context)).values;
  for (const [at, value] of given.entries()) expect(value).toBeCloseTo(smoothed[at] as number, 6);
});

test('accuracy and perplexity of positions are over those of all samples that count', () => {
  const reported = (metric: Metric) => {
    const size = metric.size?.(positions) ?? 1;
    const { values } = evaluateGraph([sequences, sequenceLabels], perSample(metric, positions));
    const means = Array.from({ length: size }, (_, at) => mean(values.filter((_value, place) => place % size === at)));
    return metric.value?.(means) ?? means[0];
  };
  expect(reported(accuracy())).toBeCloseTo(5 / 6, 12);
  expect(reported(accuracy({ ignore: 0 }))).toBeCloseTo(2 / 3, 12);
  expect(reported(perplexity())).toBeCloseTo(Math.exp(mean([...firstLosses, ...secondLosses])), 12);
  expect(reported(perplexity({ ignore: 0 }))).toBeCloseTo(
    Math.exp(mean([tokenLoss(2, 1), tokenLoss(3, -1), tokenLoss(0, 2)])),
    12,
  );
  expect(() => perplexity({ ignore: -100 })).toThrow(/ignore is -100; it must be a label/);
});

test('klDivergence is the divergence of probabilities at a temperature, and 0 of equal predictions', () => {
  const context: LossContext = { predictionShape: [3], targetShape: [3] };
  const teacher = floats([2, 3], [2, 0, 1, 0, 0, 3]);
  const softmax = (row: readonly number[], temperature: number) => {
    const powers = row.map((value) => Math.exp(value / temperature));
    return powers.map((power) => power / powers.reduce((sum, one) => sum + one, 0));
  };
  for (const temperature of [1, 4]) {
    const { values } = evaluateGraph([logits, teacher], perSample(klDivergence({ temperature }), context));
    for (const row of [0, 1]) {
      const of = (tensor: typeof logits) =>
        softmax([...tensor.data].slice(3 * row, 3 * row + 3).map(Number), temperature);
      const [wanted, given] = [of(teacher), of(logits)];
      const expected = wanted.reduce((sum, p, at) => sum + p * Math.log(p / given[at]!), 0) * temperature ** 2;
      expect(values[row]).toBeCloseTo(expected, 6);
    }
  }
  expect(evaluateGraph([logits, logits], perSample(klDivergence(), context)).values).toEqual([0, 0]);
  expect(() => klDivergence().check(threeClasses)).toThrow(/another model's predictions.*labels of 3 classes/);
  expect(() => klDivergence({ temperature: 0 })).toThrow(/temperature is 0/);
});
