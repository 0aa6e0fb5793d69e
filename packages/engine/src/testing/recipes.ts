import { auc } from '../layers/auc.js';
import { averagePool2d, globalAveragePool2d } from '../layers/average-pool2d.js';
import { binaryAccuracy, binaryCrossEntropyWithLogits } from '../layers/binary.js';
import { conv2d } from '../layers/conv2d.js';
import { dense } from '../layers/dense.js';
import { embedding, embeddingBag } from '../layers/embedding.js';
import { gru } from '../layers/gru.js';
import { meanAbsoluteError, meanSquaredError } from '../layers/losses.js';
import { lstm } from '../layers/lstm.js';
import { maxPool2d } from '../layers/max-pool2d.js';
import { accuracy, perplexity } from '../layers/metrics.js';
import { r2 } from '../layers/r2.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import { sgd } from '../layers/sgd.js';
import { flatten, reshape } from '../layers/shape-layers.js';
import { sigmoid } from '../layers/sigmoid.js';
import { softmaxCrossEntropy } from '../layers/softmax-cross-entropy.js';
import { tanh } from '../layers/tanh.js';
import type { RandomSource } from '../layers/types.js';
import type { ClientTerms } from '../plan/client-terms.js';
import type { DataSpec } from '../plan/manifest.js';
import type { PlanSource } from '../plan/source.js';
import { elementCount, type Tensor } from '../tensor.js';
import { smallGpt } from '../zoo/gpt.js';
import { testIntegers } from './random.js';

export const smallImages: DataSpec = {
  x: { dtype: 'uint8', shape: [6, 6], scale: 1 / 255 },
  y: { dtype: 'int32', shape: [], classes: 3 },
};

/** Tokens in tests are below it. */
const tokensBelow = 9;

export function mlpRecipe(changes: Partial<PlanSource> = {}): PlanSource {
  return {
    name: 'mlp',
    model: sequential([flatten(), dense(8), relu(), dense(3)]),
    data: smallImages,
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs: 2, batchSize: 4, optimizer: sgd({ learningRate: 0.1 }) },
    ...changes,
  };
}

export function cnnRecipe(changes: Partial<PlanSource> = {}): PlanSource {
  return mlpRecipe({
    name: 'cnn',
    model: sequential([
      reshape([1, 6, 6]),
      conv2d(3, { kernel: 3, padding: 'same' }),
      relu(),
      maxPool2d({ kernel: 2 }),
      conv2d(4, { kernel: 3, stride: 2, padding: 1 }),
      relu(),
      flatten(),
      dense(3),
    ]),
    ...changes,
  });
}

/** Texts of seven tokens, of which 0 is padding, with two labels. */
export function textRecipe(changes: Partial<PlanSource> = {}): PlanSource {
  return mlpRecipe({
    name: 'text',
    model: sequential([embeddingBag(tokensBelow, 11, { padding: 0 }), tanh(), dense(1)]),
    data: { x: { dtype: 'int32', shape: [7] }, y: { dtype: 'int32', shape: [], classes: 2 } },
    loss: binaryCrossEntropyWithLogits(),
    metrics: [binaryAccuracy(), auc({ bins: 20 })],
    ...changes,
  });
}

/** A small transformer that tells what follows each of seven tokens, of which 0 does not count. */
export function languageRecipe(changes: Partial<PlanSource> = {}): PlanSource {
  return mlpRecipe({
    name: 'language',
    model: smallGpt({ vocabulary: tokensBelow, positions: 7, layers: 2, width: 6, heads: 2 }),
    data: { x: { dtype: 'int32', shape: [7] }, y: { dtype: 'int32', shape: [7], classes: tokensBelow } },
    loss: softmaxCrossEntropy({ ignore: 0 }),
    metrics: [perplexity({ ignore: 0 })],
    ...changes,
  });
}

/** The same with recurrent layers of both kinds. */
export function recurrentRecipe(changes: Partial<PlanSource> = {}): PlanSource {
  return languageRecipe({
    name: 'recurrent',
    model: sequential([
      embedding(tokensBelow, 3),
      lstm(4, { layers: 2, returnSequences: true }),
      gru(5, { returnSequences: true }),
      dense(tokensBelow),
    ]),
    ...changes,
  });
}

/** One number from three, with targets of shape `[]`. */
export function regressionRecipe(changes: Partial<PlanSource> = {}): PlanSource {
  return mlpRecipe({
    name: 'regression',
    model: sequential([dense(5), sigmoid(), dense(1)]),
    data: { x: { dtype: 'float32', shape: [3] }, y: { dtype: 'float32', shape: [] } },
    loss: meanSquaredError(),
    metrics: [r2(), meanAbsoluteError()],
    ...changes,
  });
}

export function averagingRecipe(changes: Partial<PlanSource> = {}): PlanSource {
  return mlpRecipe({
    name: 'averaging',
    model: sequential([
      reshape([1, 6, 6]),
      conv2d(3, { kernel: 3, padding: 'same' }),
      tanh(),
      averagePool2d({ kernel: 2 }),
      conv2d(5, { kernel: 3, padding: 1 }),
      globalAveragePool2d(),
      dense(3),
      sigmoid(),
    ]),
    ...changes,
  });
}

/** mu (v - w): the gradient of a proximal term. */
export function proximalTerms(mu: number): ClientTerms {
  return {
    algorithm: 'proximal',
    scalars: { mu },
    broadcast: [],
    state: [],
    upload: [],
    gradientTerm: (g, { parameter, global, scalar }) => g.mul(g.sub(parameter, global), scalar('mu')),
  };
}

/** Control variates: the gradient gets c - c_i; after training c_i+ = c_i - c + (w - y) / (K eta), and c_i+ - c_i travels. */
export const controlVariateTerms: ClientTerms = {
  algorithm: 'controlVariates',
  scalars: {},
  broadcast: ['c'],
  state: ['ci'],
  upload: ['delta'],
  gradientTerm: (g, { broadcast, state }) => g.sub(broadcast('c'), state('ci')),
  finish(g, { parameter, global, broadcast, state, stepCount, learningRate }) {
    const drift = g.div(g.sub(global, parameter), g.mul(stepCount, learningRate));
    const delta = g.sub(drift, broadcast('c'));
    return { upload: { delta }, state: { ci: g.add(state('ci'), delta) } };
  },
};

/** Random samples in the form `data` declares. */
export function testSamples(
  data: DataSpec,
  sampleCount: number,
  random: RandomSource,
): { readonly x: Tensor; readonly y: Tensor } {
  const length = sampleCount * elementCount(data.x.shape);
  const targets = sampleCount * elementCount(data.y.shape);
  const { classes } = data.y;
  return {
    x: {
      dtype: data.x.dtype,
      shape: [sampleCount, ...data.x.shape],
      data:
        data.x.dtype === 'uint8'
          ? Uint8Array.from(testIntegers(random, length, 256))
          : data.x.dtype === 'int32'
            ? Int32Array.from(testIntegers(random, length, tokensBelow))
            : Float32Array.from({ length }, () => random.next() - 0.5),
    },
    y: {
      dtype: data.y.dtype,
      shape: [sampleCount, ...data.y.shape],
      data:
        classes === undefined
          ? Float32Array.from({ length: targets }, () => random.next())
          : Int32Array.from(testIntegers(random, targets, classes)),
    },
  };
}
