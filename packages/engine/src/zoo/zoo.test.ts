import { describe, expect, test } from 'vitest';
import { sgd } from '../layers/sgd.js';
import { softmaxCrossEntropy } from '../layers/softmax-cross-entropy.js';
import type { Model } from '../layers/types.js';
import { compilePlan } from '../plan/compile.js';
import { elementCount } from '../tensor.js';
import { femnistCnn } from './femnist-cnn.js';
import { smallGpt } from './gpt.js';
import { mcmahanCnn, twoNN } from './mcmahan.js';
import { mobileNet } from './mobilenet.js';
import { characterLstm, stackOverflowLstm } from './recurrent.js';
import { resNet18 } from './resnet.js';
import { resNet56 } from './resnet56.js';
import { vgg11 } from './vgg.js';

function count(model: Model, inputShape: readonly number[], role = 'trained'): number {
  const { parameters } = model.build(inputShape);
  return parameters.filter((one) => one.role === role).reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

// Of the papers; of torchvision's resnet18 with a first convolution of 3x3 and 10 classes; of FedML's resnet56, mobilenet and CNN_DropOut;
// of torchvision's vgg11 and vgg11_bn with one dense layer.
test.each([
  ['twoNN', twoNN(), [28, 28], 199_210],
  ['mcmahanCnn', mcmahanCnn(), [1, 28, 28], 1_663_370],
  ['resNet18', resNet18(), [3, 32, 32], 11_173_962],
  ['resNet18 with group norm', resNet18(10, { norm: 'group' }), [3, 32, 32], 11_173_962],
  ['resNet56', resNet56(), [3, 32, 32], 591_322],
  ['resNet56 with group norm', resNet56(10, { norm: 'group' }), [3, 32, 32], 591_322],
  ['mobileNet', mobileNet(), [3, 32, 32], 3_223_178],
  ['vgg11', vgg11(), [3, 32, 32], 9_225_610],
  ['vgg11 with batch norm', vgg11(10, { norm: 'batch' }), [3, 32, 32], 9_231_114],
  ['femnistCnn of digits', femnistCnn(10), [1, 28, 28], 1_199_882],
])('%s has the parameters of its source', (_, model, inputShape, parameters) => {
  expect(count(model, inputShape)).toBe(parameters);
  expect(model.build(inputShape).outputShape).toEqual([10]);
});

test('smallGpt has a prediction for each position, and the names of its source', () => {
  const model = smallGpt({ vocabulary: 65, positions: 128 });
  expect(count(model, [128])).toBe(826_368);
  const { parameters, outputShape } = model.build([128]);
  expect(outputShape).toEqual([128, 65]);
  expect(parameters.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['transformer.wte.weight', 'transformer.h.3.attn.c_attn.bias', 'lm_head.weight']),
  );
  expect(model.build([10]).outputShape).toEqual([10, 65]);
  expect(() => model.build([129])).toThrow(/transformer:block.*wpe:positionalEmbedding\(128\).*\[129, 128\]/);
});

// 90 x 8; 4 x 256 x (8 + 256) and 4 x 256 x (256 + 256), with two biases of 4 x 256 each; 256 x 90 + 90.
test('characterLstm has the parameters and the names of its source', () => {
  expect(count(characterLstm(), [80])).toBe(720 + 272_384 + 526_336 + 23_130);
  expect(characterLstm().build([80]).outputShape).toEqual([90]);
  const names = characterLstm()
    .build([80])
    .parameters.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(['embeddings.weight', 'lstm.weight_ih_l0', 'lstm.bias_hh_l1', 'fc.weight']),
  );
});

test('stackOverflowLstm has the parameters and the names of its source', () => {
  const model = stackOverflowLstm();
  expect(count(model, [20])).toBe(4_050_748 + 4 * 670);
  const { outputShape, parameters } = model.build([20]);
  expect(outputShape).toEqual([20, 10_004]);
  expect(parameters.map(({ name }) => name)).toEqual([
    'word_embeddings.weight',
    ...['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0'].map((name) => `lstm.${name}`),
    ...['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'],
  ]);
  expect(() => stackOverflowLstm({ words: 5 } as never)).toThrow(/stackOverflowLstm: there is no setting words/);
});

test('femnistCnn has 62 classes and 1,206,590 parameters', () => {
  expect(count(femnistCnn(), [1, 28, 28])).toBe(1_206_590);
  expect(femnistCnn().build([1, 28, 28]).outputShape).toEqual([62]);
});

test.each([
  [
    'resNet56',
    resNet56(),
    [3, 32, 32],
    ['layer1.0.downsample.1.running_var', 'layer2.5.conv3.weight', 'layer3.0.bn2.bias', 'fc.bias'],
  ],
  [
    'mobileNet',
    mobileNet(),
    [3, 32, 32],
    ['stem.0.bn.weight', 'stem.1.depthwise.0.weight', 'conv3.5.pointwise.0.bias', 'conv4.1.pointwise.1.running_mean'],
  ],
  ['vgg11', vgg11(), [3, 32, 32], ['features.0.weight', 'features.18.bias', 'classifier.weight']],
  [
    'vgg11 with batch norm',
    vgg11(10, { norm: 'batch' }),
    [3, 32, 32],
    ['features.26.running_mean', 'features.25.bias'],
  ],
  ['femnistCnn', femnistCnn(), [1, 28, 28], ['conv2d_1.weight', 'conv2d_2.bias', 'linear_1.weight', 'linear_2.bias']],
])('%s has the names of its PyTorch form', (_, model, inputShape, some) => {
  const names = model.build(inputShape).parameters.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(some));
});

test('mobileNet may be narrower', () => {
  const { parameters } = mobileNet(10, { width: 0.25 }).build([3, 32, 32]);
  expect(parameters.find(({ name }) => name === 'conv4.1.depthwise.0.weight')?.shape).toEqual([256, 1, 3, 3]);
});

test.each([
  [() => mobileNet(10, { width: 0 }), /width is 0; it must be a number of at least 1\/32/],
  [() => vgg11(10, { norm: 'group' as never }), /norm is "group"; it must be 'none' or 'batch'/],
  [() => resNet56(10, { norm: 'none' as never }), /resNet56: norm is "none"; it must be 'batch' or 'group'/],
  [() => resNet56(0), /classes is 0/],
])('settings that no model has are refused: %s', (make, message) => {
  expect(make).toThrow(message);
});

test('a plan of characterLstm does not grow with its steps', () => {
  const plan = compilePlan({
    name: 'characters',
    model: characterLstm(),
    data: { x: { dtype: 'uint8', shape: [80] }, y: { dtype: 'int32', shape: [], classes: 90 } },
    loss: softmaxCrossEntropy(),
    metrics: [],
    training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.5 }) },
  });
  expect(plan.bytes.length).toBeLessThan(50_000);
});

describe('resNet18', () => {
  test('has the names of torchvision, and its running statistics', () => {
    const { parameters } = resNet18().build([3, 32, 32]);
    const names = parameters.map(({ name }) => name);
    // Of each of its 20 batch norms: two trained, two buffers; torchvision counts batches too.
    expect(names).toHaveLength(20 + 20 * 4 + 2);
    expect(names).toEqual(
      expect.arrayContaining([
        'conv1.weight',
        'bn1.running_var',
        'layer1.0.conv2.weight',
        'layer1.1.bn2.bias',
        'layer2.0.downsample.0.weight',
        'layer4.0.downsample.1.running_mean',
        'layer4.1.conv2.weight',
        'fc.bias',
      ]),
    );
    expect(names.some((name) => name.startsWith('layer1.0.downsample'))).toBe(false);
    expect(count(resNet18(), [3, 32, 32], 'buffer')).toBe(9_600);
  });

  test('is a plan of less than a megabyte', () => {
    const plan = compilePlan({
      name: 'resnet',
      model: resNet18(),
      data: {
        x: { dtype: 'uint8', shape: [3, 32, 32], scale: 1 / 255 },
        y: { dtype: 'int32', shape: [], classes: 10 },
      },
      loss: softmaxCrossEntropy(),
      metrics: [],
      training: { localEpochs: 1, batchSize: 20, optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }) },
    });
    expect(plan.bytes.length).toBeLessThan(1e6);
  });

  test('refuses other norms', () => {
    expect(() => resNet18(10, { norm: 'layer' as never })).toThrow(/norm is "layer"; it must be 'batch' or 'group'/);
  });
});
