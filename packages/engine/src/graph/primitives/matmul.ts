import type { OnnxValue } from '../../onnx/ir.js';
import { broadcast, dense, eachIndex, offsetOf } from '../../reference/dense.js';
import { broadcastShapes } from '../shapes.js';
import type { GraphBuilder, LowerContext, Primitive, Value } from '../value.js';
import { type Dim, isFloat, type ValueType } from '../value-type.js';
import { sumTo } from './elementwise.js';
import { matmulOverSteps } from './matmul-over-steps.js';

export interface MatmulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Matrices in the last two axes; the axes before them broadcast. */
export const matmul: Primitive<MatmulAttributes> = {
  name: 'matmul',
  inferShape([a, b], { transposeA, transposeB }, problem) {
    if (a!.shape.length < 2 || b!.shape.length < 2) throw problem('takes matrices');
    if (a!.dtype !== b!.dtype || !isFloat(a!.dtype)) throw problem('takes floats of one dtype', 'graph.dtype');
    const [rows, inner] = matrixOf(a!.shape, transposeA);
    const [innerB, columns] = matrixOf(b!.shape, transposeB);
    if (inner !== innerB) {
      const turned = [transposeA && 'the first', transposeB && 'the second'].filter(Boolean).join(' and ');
      const remark = turned === '' ? '' : `, ${turned} transposed`;
      throw problem(`cannot multiply these matrices${remark}: inner extents ${inner} and ${innerB} differ`);
    }
    const stack = broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    if (stack === undefined) throw problem('cannot broadcast the axes before the last two');
    return [{ dtype: a!.dtype, shape: [...stack, rows, columns] }];
  },
  gradient({ graph, inputs, attributes: { transposeA, transposeB }, outputGradients, needed }) {
    const [a, b] = inputs as [Value, Value];
    const d = outputGradients[0]!;
    // With A' and B' the operands as multiplied: dA' = d B'ᵀ, dB' = A'ᵀ d; transposed where the operand was.
    const gradientA = () =>
      transposeA
        ? graph.matmul(b, d, { transposeA: transposeB, transposeB: true })
        : graph.matmul(d, b, { transposeB: !transposeB });
    const gradientB = () =>
      transposeB
        ? graph.matmul(d, a, { transposeA: true, transposeB: transposeA })
        : graph.matmul(a, d, { transposeA: !transposeA });
    return [
      needed[0] ? ofStack(graph, gradientA(), a) : undefined,
      needed[1] ? ofStack(graph, gradientB(), b) : undefined,
    ];
  },
  gradientOverSteps: matmulOverSteps,
  evaluate([a, b], { transposeA, transposeB }) {
    const [rows, inner] = matrixOf(a!.shape, transposeA);
    const [, columns] = matrixOf(b!.shape, transposeB);
    const stack = broadcast(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    const result = dense([...stack, rows, columns]);
    eachIndex(stack, (index, matrix) => {
      const left = a!.data.subarray(rows * inner * offsetOf(a!.shape.slice(0, -2), index));
      const right = b!.data.subarray(inner * columns * offsetOf(b!.shape.slice(0, -2), index));
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          let total = 0;
          for (let k = 0; k < inner; k++) {
            const [ofA, ofB] = [
              transposeA ? k * rows + row : row * inner + k,
              transposeB ? column * inner + k : k * columns + column,
            ];
            total += left[ofA]! * right[ofB]!;
          }
          result.data[(matrix * rows + row) * columns + column] = total;
        }
      }
    });
    return [result];
  },
  lower(inputs, { transposeA, transposeB }, context) {
    const { emit, outputs } = context;
    // Of two matrices always Gemm, so that one set of rewrite rules serves them all (see onnx/rules).
    if (inputs.every((input) => input!.shape.length === 2)) {
      return [
        emit('Gemm', inputs, { ...(transposeA && { transA: 1 }), ...(transposeB && { transB: 1 }) }, outputs[0]!),
      ];
    }
    // ONNX Runtime takes these transpositions into the product.
    const [a, b] = inputs as readonly [OnnxValue, OnnxValue];
    const operands = [transposeA ? turned(a, context) : a, transposeB ? turned(b, context) : b];
    return [emit('MatMul', operands, {}, outputs[0]!)];
  },
};

/** Rows and columns as they are multiplied. */
function matrixOf<T extends Dim>(shape: readonly T[], transposed: boolean): readonly [T, T] {
  const [rows, columns] = shape.slice(-2) as [T, T];
  return transposed ? [columns, rows] : [rows, columns];
}

/** What broadcast along the axes before the matrices gets the sum of its gradients. */
function ofStack(graph: GraphBuilder, gradient: Value, like: ValueType): Value {
  return gradient.shape.length === 2 && like.shape.length === 2 ? gradient : sumTo(graph, gradient, like);
}

function turned(value: OnnxValue, { emit }: LowerContext): OnnxValue {
  const { dtype, shape } = value;
  const perm = shape.map((_, axis) => axis);
  perm.push(...perm.splice(-2).reverse());
  return emit('Transpose', [value], { perm }, { dtype, shape: perm.map((axis) => shape[axis] as Dim) });
}
