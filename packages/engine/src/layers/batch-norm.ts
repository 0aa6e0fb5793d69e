import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { defineLayer } from './define.js';
import { filled } from './initializers.js';
import { checkLayerOptions, shapeMismatch } from './layer-checks.js';
import { affine, checkNormOptions, type NormOptions } from './norm-options.js';
import type { Layer, LayerParameter } from './types.js';

export interface BatchNormOptions extends NormOptions {
  /** Share of a batch's statistics in the running ones, above 0, at most 1. Default 0.1. */
  readonly momentum?: number;
}

/**
 * Each channel minus its mean and divided by its deviation over the batch (Ioffe and Szegedy 2015, arXiv 1502.03167), times `weight`
 * plus `bias`: samples `[channels]` or `[channels, ...]`. In evaluation by the running statistics, `running_mean` and `running_var`,
 * which are buffers: they travel with updates and are averaged by samples. As torch.nn.BatchNorm1d and 2d. Padding counts in
 * nothing; of one value there is no deviation, so that the output is `bias` and the running variance stays.
 */
export function batchNorm(options: BatchNormOptions = {}): Layer {
  checkLayerOptions('batchNorm', options, ['epsilon', 'affine', 'momentum']);
  const { epsilon, isAffine } = checkNormOptions('batchNorm', options);
  const { momentum = 0.1 } = options;
  if (!(typeof momentum === 'number' && momentum > 0 && momentum <= 1)) {
    const message = `batchNorm: momentum is ${String(momentum)}; it must be above 0 and at most 1.`;
    throw new FedloomError('layer.option', message, { layer: 'batchNorm', option: 'momentum', value: momentum });
  }
  return defineLayer({
    kind: 'batchNorm',
    build(inputShape) {
      const [channels, ...places] = inputShape;
      if (channels === undefined) {
        throw shapeMismatch('batchNorm', '[channels, ...]', inputShape, 'give each sample at least one dimension');
      }
      const buffer = (name: string, value: number): LayerParameter => ({
        name,
        shape: [channels],
        role: 'buffer',
        initialize: filled([channels], value),
      });
      const norm = affine([channels], isAffine);
      const perChannel = [channels, ...places.map(() => 1)];
      const placeAxes = places.map((_, at) => at + 2);
      // One factor and one summand for each channel: two passes over x.
      const normalized = (g: Graph, centred: Value, variance: Value, params: ReadonlyMap<string, Value>) => {
        const deviation = g.sqrt(g.add(variance, epsilon));
        const factor = g.div(params.get('weight') ?? 1, deviation);
        const product = g.mul(centred, g.reshape(factor, perChannel));
        const bias = params.get('bias');
        return bias === undefined ? product : g.add(product, g.reshape(bias, perChannel));
      };
      return {
        outputShape: inputShape,
        parameters: [...norm.parameters, buffer('running_mean', 0), buffer('running_var', 1)],
        apply(g, x, params, context) {
          const [runningMean, runningVariance] = [params.get('running_mean')!, params.get('running_var')!];
          const centredBy = (mean: Value) => g.sub(x, g.reshape(mean, perChannel));
          if (!context.training) return normalized(g, centredBy(runningMean), runningVariance, params);
          const valid = context.valid();
          const rows = g.reshape(valid, [x.shape[0]!, 1]);
          const counted = g.mul(
            g.sum(valid, [0]),
            places.reduce((product, extent) => product * extent, 1),
          );
          const count = g.maximum(counted, 1);
          // Of each sample first, so that padding is taken out of a few numbers.
          const total = (values: Value) => g.sum(g.mul(g.sum(values, placeAxes), rows), [0]);
          const mean = g.div(total(x), count);
          const centred = centredBy(mean);
          const squares = total(g.square(centred));
          const unbiased = g.div(squares, g.maximum(g.sub(counted, 1), 1));
          const running = (before: Value, now: Value) => g.add(g.mul(before, 1 - momentum), g.mul(now, momentum));
          const moved = running(runningVariance, unbiased);
          // One value says nothing of a deviation: the running one stays. Of pictures there are always several.
          const isVector = places.length === 0;
          const nextVariance = isVector ? g.select(g.greater(counted, 1), moved, runningVariance) : moved;
          return {
            output: normalized(g, centred, g.div(squares, count), params),
            buffers: new Map([
              ['running_mean', running(runningMean, mean)],
              ['running_var', nextVariance],
            ]),
          };
        },
      };
    },
  });
}
