import { definePrimitive, type Operation, type PrimitiveDefinition } from '@fedloom/engine';
import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, test } from 'vitest';
import { type PrimitiveInput, primitiveSuite } from './primitive-suite.js';
import { failures } from './testing/failures.js';

const backend = onnxRuntimeNode();
const inputs: readonly PrimitiveInput[] = [{ shape: [3, 4] }];

const softsign: PrimitiveDefinition = {
  name: 'softsign',
  isElementwise: true,
  type: ([x]) => ({ dtype: 'float32', shape: x?.shape ?? [] }),
  reference: ([x]) => x?.data.map((value) => value / (1 + Math.abs(value))) ?? [],
  gradient: (g, { inputs: [x], gradient }) => [x && g.div(gradient, g.square(g.add(g.abs(x), 1)))],
  lower: (onnx, [x]) => onnx.emit('Div', [x, onnx.emit('Add', [onnx.emit('Abs', [x]), onnx.constant(1)])]),
};

/** The sign, with the gradient of what is cut to -1 to 1: a straight-through estimator (Hubara et al. 2016). */
const binarized: PrimitiveDefinition = {
  ...softsign,
  name: 'binarized',
  reference: ([x]) => x?.data.map(Math.sign) ?? [],
  gradient: (g, { inputs: [x], gradient }) => [x && g.mul(gradient, g.cast(g.greater(1, g.abs(x)), 'float32'))],
  lower: (onnx, [x]) => onnx.emit('Sign', [x]),
};

/** The product of rows with a matrix of their own that is made of labels. */
const scaledByLabel = definePrimitive<{ readonly base: number }>({
  name: 'scaledByLabel',
  type: ([x]) => ({ dtype: 'float32', shape: x?.shape ?? [] }),
  reference([x, label], { base }) {
    const width = x?.shape.at(-1) ?? 1;
    return x?.data.map((value, at) => value * base ** (label?.data[Math.floor(at / width)] ?? 0)) ?? [];
  },
  gradient(g, { inputs: [, label], gradient, options: { base } }) {
    const factor = label && g.exp(g.mul(g.cast(label, 'float32'), Math.log(base)));
    return [factor && g.mul(gradient, g.reshape(factor, [...factor.shape, 1])), undefined];
  },
  lower(onnx, [, label], { base }) {
    const type = { dtype: 'float32', shape: label?.shape ?? [] } as const;
    const exponent = onnx.emit(
      'Mul',
      [onnx.emit('Cast', [label], { to: 1 }, type), onnx.constant(Math.log(base))],
      {},
      type,
    );
    const factor = onnx.emit('Exp', [exponent], {}, type);
    return onnx.emit('Mul', [
      onnx.emit('Unsqueeze', [factor, onnx.integers([-1])], {}, { dtype: 'float32', shape: [...type.shape, 1] }),
      factor,
    ]);
  },
});

describe('operations pass their suite:', () => {
  test('softsign', async () => {
    expect(await failures(primitiveSuite(definePrimitive(softsign), { inputs, backend, samples: true }))).toBe('');
  });

  test('one whose gradient is an estimate', async () => {
    const about = { inputs, backend, samples: true, differentiable: false };
    expect(await failures(primitiveSuite(definePrimitive(binarized), about))).toBe('');
  });
});

describe('the suite finds', () => {
  const foundIn = (changes: Partial<PrimitiveDefinition>) =>
    failures(primitiveSuite(definePrimitive({ ...softsign, ...changes }), { inputs, backend, samples: true }));

  test('a gradient that is another function’s', async () => {
    expect(await foundIn({ gradient: (_g, { gradient }) => [gradient] })).toMatch(
      /^has the gradients that differences show: .*the gradient by input 1\[0\] is/,
    );
  });

  test('a lowering that is another function’s', async () => {
    expect(await foundIn({ lower: (onnx, [x]) => onnx.emit('Tanh', [x]) })).toMatch(
      /^is the same on ONNX Runtime as by its reference: .* is .* on ONNX Runtime; by its reference it is/,
    );
  });

  test('one that mixes rows', async () => {
    const mixed = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
    const found = await foundIn({ reference: ([x]) => x?.data.map((value) => value + mixed(x.data)) ?? [] });
    expect(found).toMatch(
      /^makes each sample's row of that sample alone: .*with other numbers in the other rows, row 0\[0\] is/m,
    );
  });

  test('a result that is not finite', async () => {
    const found = await foundIn({ reference: ([x]) => x?.data.map(Math.log) ?? [] });
    expect(found).toMatch(/^gives what its type says, all of it finite: .*its result has a value that is not finite/m);
  });

  test('an ONNX graph that does not do what it says, of an operation with options and labels', async () => {
    const two: Operation = (g, values) => scaledByLabel(g, values, { base: 0.5 });
    const labels: PrimitiveInput = { shape: [3], dtype: 'int32', to: 4 };
    expect(await failures(primitiveSuite(two, { inputs: [...inputs, labels], backend }))).toMatch(/on ONNX Runtime/);
  });
});
