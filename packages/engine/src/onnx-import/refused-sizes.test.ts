import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { modelFromOnnx } from './import-model.js';

/** Files of a few hundred bytes that the fuzzer begins with too. */
const file = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../../tests/corpus/onnx-model/${name}`, import.meta.url));

test.each([
  ['given-huge-tensor', 'onnx.format', /its tensor w of float32 \[2147483648\] has 0 elements/],
  ['given-neg-tensor', 'onnx.format', /its tensor w of float32 \[-4\] has 0 elements/],
  ['given-constant-of-shape', 'onnx.operators', /its ConstantOfShape .* lays 1073741824 numbers out before it runs/],
  ['given-range', 'onnx.operators', /its Range .* lays 1099511627776 numbers out/],
  ['given-range-0', 'onnx.operators', /its Range .* has a step of 0/],
  ['given-tile', 'onnx.operators', /its Tile .* lays 2147483648 numbers out/],
  ['given-pool-huge', 'onnx.operators', /its MaxPool .* lays 4398046511120 numbers out/],
  [
    'given-pad',
    'onnx.operators',
    /its Pad .* makes \[batch, 1099511627780\]; it may make 268435456 numbers of a sample/,
  ],
  ['given-long-mul', 'onnx.operators', /its Mul .* multiplies the number of samples by itself/],
  ['given-concat-double', 'onnx.operators', /its Concat .* lays 8388608 numbers out/],
  ['given-concat-none', 'onnx.operators', /its Concat .* lacks its input 1/],
  ['given-max-none', 'onnx.operators', /its Max .* lacks its input 1/],
])('%s is refused before memory is taken for it', (name, code, message) => {
  const bytes = file(name);
  const build = () => modelFromOnnx(bytes).build(name.includes('pool') ? [1, 4, 4] : [4]);
  expect(build).toThrow(message);
  expect(build).toThrow(expect.objectContaining({ code }));
});
