import { tabulate } from '../../reference/dense.js';
import type { Primitive, Value } from '../value.js';
import { isFloat } from '../value-type.js';

export interface MatmulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

export const matmul: Primitive<MatmulAttributes> = {
  name: 'matmul',
  inferShape([a, b], { transposeA, transposeB }, problem) {
    if (a!.shape.length !== 2 || b!.shape.length !== 2) throw problem('takes two matrices');
    if (a!.dtype !== b!.dtype || !isFloat(a!.dtype)) throw problem('takes floats of one dtype', 'graph.dtype');
    const [rows, inner] = transposeA ? [a!.shape[1]!, a!.shape[0]!] : [a!.shape[0]!, a!.shape[1]!];
    const [innerB, columns] = transposeB ? [b!.shape[1]!, b!.shape[0]!] : [b!.shape[0]!, b!.shape[1]!];
    if (inner !== innerB) {
      const turned = [transposeA && 'the first', transposeB && 'the second'].filter(Boolean).join(' and ');
      const remark = turned === '' ? '' : `, ${turned} transposed`;
      throw problem(`cannot multiply these matrices${remark}: inner extents ${inner} and ${innerB} differ`);
    }
    return [{ dtype: a!.dtype, shape: [rows, columns] }];
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
    return [needed[0] ? gradientA() : undefined, needed[1] ? gradientB() : undefined];
  },
  evaluate([a, b], { transposeA, transposeB }) {
    const [rows, inner] = transposeA ? [a!.shape[1]!, a!.shape[0]!] : [a!.shape[0]!, a!.shape[1]!];
    const columns = transposeB ? b!.shape[0]! : b!.shape[1]!;
    const left = (row: number, k: number) => a!.data[transposeA ? k * rows + row : row * inner + k]!;
    const right = (k: number, column: number) => b!.data[transposeB ? column * inner + k : k * columns + column]!;
    return [
      tabulate([rows, columns], ([row, column]) => {
        let total = 0;
        for (let k = 0; k < inner; k++) total += left(row!, k) * right(k, column!);
        return total;
      }),
    ];
  },
  // Always Gemm, so that one set of rewrite rules serves all products (see onnx/rules).
  lower: (inputs, { transposeA, transposeB }, { emit, outputs }) => [
    emit('Gemm', inputs, { ...(transposeA && { transA: 1 }), ...(transposeB && { transB: 1 }) }, outputs[0]!),
  ],
};
