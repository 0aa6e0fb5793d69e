import { describe, expect, test } from 'vitest';
import { binaryCrossEntropyWithLogits } from '../layers/binary.js';
import { dense } from '../layers/dense.js';
import { meanSquaredError } from '../layers/losses.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import { flatten } from '../layers/shape-layers.js';
import { softmaxCrossEntropy } from '../layers/softmax-cross-entropy.js';
import { onnxRuntimeNode } from '../node/onnx-runtime-node.js';
import type { NamedTensors, Tensor } from '../tensor.js';
import { bindParameters } from './bound-model.js';
import { compileInference, inferenceInfo } from './inference-graph.js';
import type { DataSpec } from './manifest.js';

const pixels: DataSpec = {
  x: { dtype: 'uint8', shape: [2, 2], scale: 1 / 255 },
  y: { dtype: 'int32', shape: [], classes: 3 },
};
const classifier = compileInference({
  name: 'tiny',
  model: sequential([flatten(), dense(3)]),
  data: pixels,
  loss: softmaxCrossEntropy(),
});
const parameters: NamedTensors = new Map<string, Tensor>([
  ['1.bias', { dtype: 'float32', shape: [3], data: Float32Array.of(0, 0.5, -1) }],
  ['1.weight', { dtype: 'float32', shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => (i % 5) - 2) }],
]);

async function run(onnx: Uint8Array, x: Tensor): Promise<Map<string, Tensor>> {
  const session = await onnxRuntimeNode().load(onnx);
  try {
    return await session.run(new Map([['x', x]]));
  } finally {
    await session.release();
  }
}

function numbers(tensor: Tensor | undefined): number[] {
  return [...(tensor?.data ?? [])].map(Number);
}

/** x Wᵀ + b of raw pixels, written out. */
function logits(pixel: readonly number[]): number[] {
  const weight = parameters.get('1.weight')?.data as Float32Array;
  const bias = parameters.get('1.bias')?.data as Float32Array;
  return [0, 1, 2].map((unit) =>
    pixel.reduce((sum, value, i) => sum + (value / 255) * (weight[unit * 4 + i] ?? 0), bias[unit] ?? 0),
  );
}

describe('the model for predictions', () => {
  const rows = [
    [0, 255, 10, 3],
    [255, 0, 0, 200],
    [7, 8, 9, 10],
  ];
  const x: Tensor = { dtype: 'uint8', shape: [3, 2, 2], data: Uint8Array.from(rows.flat()) };

  test('takes raw samples, any number of them, and gives what the loss reads from them', async () => {
    const outputs = await run(bindParameters(classifier, parameters), x);
    const expected = rows.map(logits);
    const prediction = outputs.get('prediction');
    expect(prediction?.shape).toEqual([3, 3]);
    for (const [i, value] of expected.flat().entries()) expect(Number(prediction?.data[i])).toBeCloseTo(value, 5);
    const probabilities = expected.map((row) => {
      const exponentials = row.map(Math.exp);
      return exponentials.map((value) => value / exponentials.reduce((sum, one) => sum + one, 0));
    });
    for (const [i, value] of probabilities.flat().entries()) {
      expect(Number(outputs.get('probabilities')?.data[i])).toBeCloseTo(value, 5);
    }
    expect(outputs.get('label')).toMatchObject({ dtype: 'int64', shape: [3] });
    expect(numbers(outputs.get('label'))).toEqual(expected.map((row) => row.indexOf(Math.max(...row))));
    const one: Tensor = { dtype: 'uint8', shape: [1, 2, 2], data: Uint8Array.from(rows[1] ?? []) };
    const alone = await run(bindParameters(classifier, parameters), one);
    expect(alone.get('label')?.data).toEqual(outputs.get('label')?.data.slice(1, 2));
  });

  test('of two classes from one output there is a label, and how likely the second is', async () => {
    const source = {
      name: 'which',
      model: sequential([dense(1)]),
      data: { x: { dtype: 'float32', shape: [1] }, y: { dtype: 'int32', shape: [], classes: 2 } },
      loss: binaryCrossEntropyWithLogits(),
    } as const;
    const own: NamedTensors = new Map<string, Tensor>([
      ['0.bias', { dtype: 'float32', shape: [1], data: Float32Array.of(0) }],
      ['0.weight', { dtype: 'float32', shape: [1, 1], data: Float32Array.of(1) }],
    ]);
    const x: Tensor = { dtype: 'float32', shape: [3, 1], data: Float32Array.of(-2, 0, 3) };
    const outputs = await run(bindParameters(compileInference(source), own), x);
    expect(outputs.get('label')).toMatchObject({ dtype: 'int64', shape: [3] });
    expect(numbers(outputs.get('label'))).toEqual([0, 0, 1]);
    for (const [i, value] of [-2, 0, 3].entries()) {
      expect(Number(outputs.get('probabilities')?.data[i])).toBeCloseTo(1 / (1 + Math.exp(-value)), 6);
    }
  });

  test('of several outputs each has a label of its own', async () => {
    const onnx = compileInference({
      name: 'tags',
      model: sequential([dense(2)]),
      data: { x: { dtype: 'float32', shape: [1] }, y: { dtype: 'float32', shape: [2] } },
      loss: binaryCrossEntropyWithLogits(),
    });
    const own: NamedTensors = new Map<string, Tensor>([
      ['0.bias', { dtype: 'float32', shape: [2], data: Float32Array.of(0, 0) }],
      ['0.weight', { dtype: 'float32', shape: [2, 1], data: Float32Array.of(1, -1) }],
    ]);
    const outputs = await run(bindParameters(onnx, own), { dtype: 'float32', shape: [1, 1], data: Float32Array.of(5) });
    expect(numbers(outputs.get('labels'))).toEqual([1, 0]);
  });

  test('a regression has its prediction alone', async () => {
    const onnx = compileInference({
      name: 'line',
      model: sequential([dense(2), relu()]),
      data: { x: { dtype: 'float32', shape: [1] }, y: { dtype: 'float32', shape: [2] } },
      loss: meanSquaredError(),
    });
    const own: NamedTensors = new Map<string, Tensor>([
      ['0.bias', { dtype: 'float32', shape: [2], data: Float32Array.of(1, 1) }],
      ['0.weight', { dtype: 'float32', shape: [2, 1], data: Float32Array.of(2, -2) }],
    ]);
    const outputs = await run(bindParameters(onnx, own), {
      dtype: 'float32',
      shape: [2, 1],
      data: Float32Array.of(3, -3),
    });
    expect([...outputs.keys()]).toEqual(['prediction']);
    expect(numbers(outputs.get('prediction'))).toEqual([7, 0, 0, 7]);
  });

  test('says what it takes, before and after it has its parameters', () => {
    expect(inferenceInfo(classifier)).toMatchObject({ task: 'tiny', data: pixels, names: {} });
    expect(inferenceInfo(classifier)?.outputs).toEqual(['prediction', 'probabilities', 'label']);
    const bound = bindParameters(classifier, parameters, { metadata: { 'fedloom.run': 'r' }, producerVersion: '9' });
    expect(inferenceInfo(bound)).toMatchObject({ data: pixels, metadata: { 'fedloom.run': 'r' } });
    const source = {
      name: 'tiny',
      model: sequential([flatten(), dense(3)]),
      data: pixels,
      loss: softmaxCrossEntropy(),
    };
    const names = { inputs: ['a', 'b', 'c', 'd'], classes: ['cat', 'dog', '狗'] };
    expect(inferenceInfo(compileInference({ ...source, names }))?.names).toEqual(names);
    expect(inferenceInfo(Uint8Array.of(1, 2, 3))).toBeUndefined();
    expect(inferenceInfo(new Uint8Array(0))).toBeUndefined();
  });

  test('equal sources give equal bytes', () => {
    const again = compileInference({
      name: 'tiny',
      model: sequential([flatten(), dense(3)]),
      data: pixels,
      loss: softmaxCrossEntropy(),
    });
    expect(again).toEqual(classifier);
  });

  test('parameters that are missing or of another model are named', () => {
    const [bias] = parameters;
    expect(() => bindParameters(classifier, new Map(bias === undefined ? [] : [bias]))).toThrow(
      expect.objectContaining({ code: 'onnx.parameters', fields: { names: ['1.weight'] } }),
    );
    const surplus = new Map([...parameters, ['2.weight', { dtype: 'float32', shape: [0], data: new Float32Array(0) }]]);
    expect(() => bindParameters(classifier, surplus as NamedTensors)).toThrow(
      expect.objectContaining({ code: 'onnx.parameters', fields: { names: ['2.weight'] } }),
    );
  });
});
