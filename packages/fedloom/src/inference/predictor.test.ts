import type { DataSpec, NamedTensors, Tensor } from '@fedloom/engine';
import { bindParameters, compileInference, dense, flatten, sequential, softmaxCrossEntropy } from '@fedloom/engine';
import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, it } from 'vitest';
import { Predictor } from './predictor.js';
import { type SamplesInput, samplesTensor } from './samples.js';

const pixels: DataSpec['x'] = { dtype: 'uint8', shape: [2, 2], scale: 1 / 255 };

describe('samplesTensor', () => {
  const wanted = { dtype: 'uint8', shape: [2, 2, 2], data: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 255) };
  it.each<[string, SamplesInput]>([
    [
      'lists',
      [
        [
          [0, 1],
          [2, 3],
        ],
        [
          [4, 5],
          [6, 255],
        ],
      ],
    ],
    ['a tensor', { dtype: 'uint8', shape: [2, 2, 2], data: wanted.data } as Tensor],
    ['numbers with their shape', { shape: [2, 2, 2], data: Float32Array.from(wanted.data) }],
    ['a typed array of one sample after the other', Float64Array.from(wanted.data)],
  ])('takes %s', (_, input) => {
    expect(samplesTensor(input, pixels)).toEqual(wanted);
  });

  it('takes a single sample', () => {
    const one = { dtype: 'uint8', shape: [1, 2, 2], data: Uint8Array.of(1, 2, 3, 4) };
    expect(
      samplesTensor(
        [
          [1, 2],
          [3, 4],
        ],
        pixels,
      ),
    ).toEqual(one);
    expect(samplesTensor(Uint8Array.of(1, 2, 3, 4), pixels)).toEqual(one);
  });

  it.each<[string, SamplesInput, RegExp]>([
    ['another width', [[[0, 1, 2]]], /has shape \[1, 1, 3\], 3 numbers; expected is \[samples, 2, 2\]/],
    ['a typed array that holds a part of a sample', Uint8Array.of(1, 2, 3), /has shape \[3\]/],
    ['a shape that its numbers do not fill', { shape: [2, 2, 2], data: Uint8Array.of(1) }, /1 numbers/],
    ['ragged lists', [[[0, 1], [2]]], /ragged/],
    [
      'fractions where there are bytes',
      [
        [
          [0, 1],
          [2, 3],
        ],
        [
          [0, 1],
          [2, 0.5],
        ],
      ],
      /Sample 2 .* holds 0.5; .* 0 to 255/,
    ],
    [
      'more than a byte',
      [
        [
          [0, 1],
          [2, 256],
        ],
      ],
      /Sample 1 .* holds 256/,
    ],
  ])('refuses %s', (_, input, message) => {
    expect(() => samplesTensor(input, pixels)).toThrow(
      expect.objectContaining({ code: 'predict.input', message: expect.stringMatching(message) }),
    );
  });

  it('refuses what is not finite, and what float32 cannot hold', () => {
    const spec: DataSpec['x'] = { dtype: 'float32', shape: [1] };
    expect(() => samplesTensor([[1], [Number.NaN]], spec)).toThrow(expect.objectContaining({ fields: { row: 1 } }));
    expect(() => samplesTensor([[1e300]], spec)).toThrow(/Sample 1/);
  });
});

describe('Predictor', () => {
  const data: DataSpec = { x: { dtype: 'float32', shape: [2] }, y: { dtype: 'int32', shape: [], classes: 2 } };
  const parameters: NamedTensors = new Map<string, Tensor>([
    ['1.bias', { dtype: 'float32', shape: [2], data: Float32Array.of(0, 0) }],
    ['1.weight', { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) }],
  ]);
  const open = async () => {
    const graph = compileInference({
      name: 'which',
      model: sequential([flatten(), dense(2)]),
      data,
      loss: softmaxCrossEntropy(),
    });
    return new Predictor(await onnxRuntimeNode().load(bindParameters(graph, parameters)), 'which', data);
  };

  it('gives the same for many samples as for each alone, however many there are', async () => {
    const model = await open();
    const x = Float32Array.from({ length: 2 * 2500 }, (_, i) => Math.sin(i));
    const { label, prediction, probabilities } = await model.predict(x);
    expect([label?.shape, prediction.shape, probabilities?.shape]).toEqual([[2500], [2500, 2], [2500, 2]]);
    expect(prediction.data).toEqual(x);
    for (const row of [0, 1023, 1024, 2499]) {
      const one = await model.predict(x.slice(2 * row, 2 * row + 2));
      expect(one.label?.data[0]).toBe(label?.data[row]);
      expect(label?.data[row]).toBe((x[2 * row] ?? 0) >= (x[2 * row + 1] ?? 0) ? 0 : 1);
    }
    await model.close();
  });

  it('of no samples says nothing, in the same form', async () => {
    const model = await open();
    const { label, prediction } = await model.predict({ shape: [0, 2], data: new Float32Array(0) });
    expect([label?.shape, prediction.shape]).toEqual([[0], [0, 2]]);
    await model.close();
  });

  it('does what was asked before it was closed, and refuses what comes after', async () => {
    const model = await open();
    const before = model.predict([[1, 2]]);
    await model.close();
    await model.close();
    expect((await before).label?.data).toEqual(Int32Array.of(1));
    await expect(model.predict([[1, 2]])).rejects.toMatchObject({ code: 'predict.closed' });
  });
});
