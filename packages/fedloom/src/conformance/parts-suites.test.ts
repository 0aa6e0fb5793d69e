import {
  accumulated,
  adagrad,
  adam,
  adamW,
  batchNorm,
  binaryCrossEntropyWithLogits,
  chain,
  clipByGlobalNorm,
  conv2d,
  convTranspose2d,
  defineLayer,
  defineLoss,
  defineOptimizer,
  dense,
  dropout,
  embedding,
  type Graph,
  gelu,
  groupNorm,
  gru,
  huber,
  klDivergence,
  type Layer,
  type Loss,
  type LossContext,
  layerNorm,
  layerRates,
  linearWarmup,
  lora,
  lstm,
  masked,
  meanSquaredError,
  multiHeadAttention,
  type Optimizer,
  positionMean,
  residual,
  rmsProp,
  scheduled,
  sgd,
  softmaxCrossEntropy,
  type Value,
  yogi,
} from '@fedloom/engine';
import { describe, expect, test } from 'vitest';
import { type LayerUnderTest, layerSuite } from './layer-suite.js';
import { lossSuite } from './loss-suite.js';
import { optimizerSuite } from './optimizer-suite.js';
import { failures } from './testing/failures.js';

describe('layers pass their suite:', () => {
  test.each<[string, () => Layer, LayerUnderTest]>([
    ['dense', () => dense(3), { inputShape: [4] }],
    ['dense of positions', () => dense(3), { inputShape: [2, 4] }],
    ['conv2d', () => conv2d(2, { kernel: 3, padding: 'same' }), { inputShape: [2, 4, 4] }],
    ['convTranspose2d', () => convTranspose2d(2, { kernel: 2, stride: 2 }), { inputShape: [2, 3, 3] }],
    ['batchNorm', () => batchNorm(), { inputShape: [3, 2, 2] }],
    ['groupNorm', () => groupNorm(2), { inputShape: [4, 2, 2] }],
    ['layerNorm', () => layerNorm(), { inputShape: [5] }],
    ['dropout', () => dropout(0.3), { inputShape: [6] }],
    ['gelu', () => gelu(), { inputShape: [5] }],
    ['embedding', () => embedding(7, 3), { inputShape: [4], tokens: 7 }],
    ['lstm', () => lstm(3), { inputShape: [4, 2] }],
    ['gru', () => gru(3), { inputShape: [4, 2] }],
    ['multiHeadAttention', () => multiHeadAttention(2, { causal: true, dropout: 0.2 }), { inputShape: [3, 4] }],
    [
      'masked',
      () => masked(0, [embedding(7, 4), multiHeadAttention(2), lstm(3, { returnSequences: true }), positionMean()]),
      { inputShape: [4], tokens: 7 },
    ],
    ['residual', () => residual([dense(4), gelu()]), { inputShape: [4] }],
    ['lora', () => lora(dense(3), { rank: 2 }), { inputShape: [4] }],
  ])('%s', async (_, make, about) => {
    expect(await failures(layerSuite(make, about))).toBe('');
  });
});

describe('losses pass their suite:', () => {
  const labels: LossContext = { predictionShape: [3], targetShape: [], classes: 3 };
  const numbers: LossContext = { predictionShape: [3], targetShape: [3] };
  test.each<[string, () => Loss, LossContext]>([
    ['softmaxCrossEntropy', () => softmaxCrossEntropy({ labelSmoothing: 0.1 }), labels],
    [
      'softmaxCrossEntropy of positions',
      () => softmaxCrossEntropy({ ignore: 0 }),
      { predictionShape: [4, 3], targetShape: [4], classes: 3 },
    ],
    ['softmaxCrossEntropy of probabilities', () => softmaxCrossEntropy(), numbers],
    ['binaryCrossEntropyWithLogits', () => binaryCrossEntropyWithLogits(), numbers],
    ['meanSquaredError', () => meanSquaredError(), numbers],
    ['huber', () => huber(0.4), numbers],
    ['klDivergence', () => klDivergence({ temperature: 2 }), numbers],
  ])('%s', async (_, make, context) => {
    expect(await failures(lossSuite(make, context))).toBe('');
  });
});

describe('optimisers pass their suite:', () => {
  const rate = { learningRate: 0.05 };
  test.each<[string, () => Optimizer]>([
    ['sgd', () => sgd({ ...rate, momentum: 0.5, nesterov: true })],
    ['adam', () => adam(rate)],
    ['adamW', () => adamW(rate)],
    ['yogi', () => yogi(rate)],
    ['rmsProp', () => rmsProp(rate)],
    ['adagrad', () => adagrad(rate)],
    ['chain', () => chain(clipByGlobalNorm(0.5), adam(rate))],
    ['layerRates', () => layerRates({ a: 2 }, sgd(rate))],
    ['accumulated', () => accumulated(4, adam(rate))],
    ['scheduled', () => scheduled(linearWarmup(5), sgd(rate))],
  ])('%s', async (_, make) => {
    expect(await failures(optimizerSuite(make))).toBe('');
  });
});

describe('the suites find', () => {
  const doubled = (apply: Layer['build']): Layer => defineLayer({ kind: 'flawed', build: apply });

  test('a layer that mixes rows without samples in', async () => {
    const layer = doubled((inputShape) => ({
      outputShape: inputShape,
      parameters: [],
      apply: (g, x) => g.sub(x, g.mean(x, [0], true)),
    }));
    expect(await failures(layerSuite(() => layer, { inputShape: [3] }))).toMatch(
      /^leaves places out that hold no sample: .*output\[0\] is/,
    );
  });

  test('a layer that goes by its batch, or draws, in evaluation', async () => {
    const centred = doubled((inputShape) => ({
      outputShape: inputShape,
      parameters: [],
      apply(g, x, _params, context) {
        const weights = g.reshape(context.valid(), [x.shape[0] ?? 1, 1]);
        return g.sub(x, g.div(g.sum(g.mul(x, weights), [0], true), g.sum(weights, [0, 1])));
      },
    }));
    expect(await failures(layerSuite(() => centred, { inputShape: [3] }))).toMatch(
      /^makes each sample's output of that sample alone in evaluation.*the output of sample 0\[0\] is/m,
    );
    const noisy = doubled((inputShape) => ({
      outputShape: inputShape,
      parameters: [],
      apply: (g, x, _params, context) => g.add(x, context.uniform(inputShape)),
    }));
    expect(await failures(layerSuite(() => noisy, { inputShape: [3] }))).toMatch(
      /^makes each sample's output.*in evaluation it asks for uniform\(\)/m,
    );
  });

  test('a layer whose numbers are not those of the stream, or of another shape', async () => {
    let calls = 0;
    const layer = doubled((inputShape) => ({
      outputShape: inputShape,
      parameters: [{ name: 'w', shape: [3], role: 'trained', initialize: () => Float32Array.of(calls++, 0) }],
      apply: (g, x, params) => g.mul(x, params.get('w') ?? 1),
    }));
    expect(await failures(layerSuite(() => layer, { inputShape: [3] }))).toMatch(
      /begins with numbers.*the number of values that w begins with is 2; it must be 3/,
    );
  });

  test('a loss of the whole batch', async () => {
    const loss = defineLoss({
      name: 'mean',
      check: () => {},
      perSample: (g, prediction, target) =>
        g.add(
          g.mul(g.mean(g.square(g.sub(prediction, target)), [1]), 0),
          g.mean(g.square(g.sub(prediction, target)), [0, 1]),
        ),
    });
    const context = { predictionShape: [2], targetShape: [2] };
    expect(await failures(lossSuite(() => loss, context))).toMatch(/^makes each sample's number of that sample alone/m);
    const reading = { ...huber(1), readings: (g: Graph, prediction: Value) => ({ mean: g.mean(prediction, [0]) }) };
    expect(await failures(lossSuite(() => reading, context))).toMatch(
      /^reads a row of each sample.*the number of rows of the reading mean is 2; it must be 3/m,
    );
  });

  test('an optimiser that goes uphill, has a rate of its own and loses a slot', async () => {
    const optimizer = defineOptimizer({
      name: 'uphill',
      learningRate: 0.1,
      slots: ['kept'],
      update: (g, { parameters, gradients }) => ({
        parameters: new Map(
          [...parameters].map(([name, value]) => [name, g.add(value, g.mul(gradients.get(name) ?? value, 0.1))]),
        ),
        slots: new Map(),
      }),
    });
    const found = await failures(optimizerSuite(() => optimizer));
    expect(found).toMatch(/^gives every parameter and slot.*the slots that `update` gives is \[\]/m);
    expect(found).toMatch(/^takes the learning rate.*with a learning rate of 0/m);
    const normed: Optimizer = {
      ...sgd({ learningRate: 0.1 }),
      learningRateOf: (round) => 0.1 / (1 - round),
      update: (g, { parameters, gradients }) => ({
        parameters: new Map(
          [...parameters].map(([name, value]) => [
            name,
            g.sub(value, g.div(gradients.get(name) ?? value, g.abs(value))),
          ]),
        ),
        slots: new Map(),
      }),
    };
    const others = await failures(optimizerSuite(() => normed));
    expect(others).toMatch(/^stays finite where gradients are 0.*is not finite after/m);
    expect(others).toMatch(/^has a learning rate for every round.*in round 1 is Infinity/m);
  });
});
