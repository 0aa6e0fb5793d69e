import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';

/** What each place of the output takes of each place of the input, along one axis: `[output, input]`. */
export type AxisWeights = readonly (readonly number[])[];

/** Images `[N, C, H, W]` to `[N, C, rows, columns]`, each place a weighted sum over its row's and column's weights. */
export function resampled(g: Graph, x: Value, rows: AxisWeights, columns: AxisWeights): Value {
  const [images, channels] = x.shape as [Value['shape'][number], number];
  const across = alongLast(g, x, columns);
  const turned = alongLast(g, g.transpose(across, [0, 1, 3, 2]), rows);
  return g.reshape(g.transpose(turned, [0, 1, 3, 2]), [images, channels, rows.length, columns.length]);
}

/** `[N, C, H, W]` to `[N, C, H, weights]`. */
function alongLast(g: Graph, x: Value, weights: AxisWeights): Value {
  const [images, channels, height, width] = x.shape as [Value['shape'][number], number, number, number];
  const matrix = g.constant(weights.flat(), x.dtype, [weights.length, width]);
  const perImage = channels * height;
  const lines = typeof images === 'number' ? images * perImage : `${perImage}*${images}`;
  const product = g.matmul(g.reshape(x, [lines, width]), matrix, { transposeB: true });
  return g.reshape(product, [images, channels, height, weights.length]);
}
