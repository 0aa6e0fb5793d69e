import { FedloomError } from '../errors.js';
import { elementCount } from '../tensor.js';
import { defineLayer } from './define.js';
import { checkInteger, checkLayerOptions, shapeMismatch, shapeText } from './layer-checks.js';
import { affine, checkNormOptions, type NormOptions } from './norm-options.js';
import type { Layer } from './types.js';

/*
 * Norms of each sample by itself: no statistics travel, and what the others of a batch are does not matter. In federated learning
 * they often take batch norm's place (Hsieh et al. 2020, arXiv 1910.00189).
 */

/**
 * Channels in so many groups, each group minus its mean and divided by its deviation (Wu and He 2018, arXiv 1803.08494): samples
 * `[channels, ...]`. `weight` and `bias` are `[channels]`. As torch.nn.GroupNorm.
 */
export function groupNorm(groups: number, options: NormOptions = {}): Layer {
  const kind = `groupNorm(${groups})`;
  checkInteger(kind, 'groups', groups, 1);
  return groupsOf(kind, () => groups, options, true);
}

/** Each channel by itself (Ulyanov et al. 2016, arXiv 1607.08022): samples `[channels, ...]`. As torch.nn.InstanceNorm2d. */
export function instanceNorm(options: NormOptions = {}): Layer {
  return groupsOf('instanceNorm', (channels) => channels, options, false);
}

export interface LayerNormOptions extends NormOptions {
  /** How many of a sample's last dimensions go together. Default all. */
  readonly dimensions?: number;
}

/**
 * All of a sample's elements, or its last dimensions (Ba et al. 2016, arXiv 1607.06450). `weight` and `bias` are of the shape over
 * which it goes. As torch.nn.LayerNorm.
 */
export function layerNorm(options: LayerNormOptions = {}): Layer {
  checkLayerOptions('layerNorm', options, ['epsilon', 'affine', 'dimensions']);
  const { epsilon, isAffine } = checkNormOptions('layerNorm', options);
  const { dimensions } = options;
  if (dimensions !== undefined) checkInteger('layerNorm', 'dimensions', dimensions, 1);
  return defineLayer({
    kind: 'layerNorm',
    build(inputShape) {
      const over = dimensions ?? inputShape.length;
      if (over < 1 || over > inputShape.length) {
        throw shapeMismatch('layerNorm', `of at least ${over} dimensions`, inputShape, 'choose fewer dimensions');
      }
      const shape = inputShape.slice(inputShape.length - over);
      const axes = shape.map((_, at) => at - over);
      const norm = affine(shape, isAffine);
      return {
        outputShape: inputShape,
        parameters: norm.parameters,
        apply: (g, x, params) => norm.apply(g, g.standardize(x, axes, epsilon), params, shape),
      };
    },
  });
}

function groupsOf(kind: string, count: (channels: number) => number, options: NormOptions, byDefault: boolean): Layer {
  checkLayerOptions(kind, options, ['epsilon', 'affine']);
  const { epsilon, isAffine } = checkNormOptions(kind, { affine: byDefault, ...options });
  return defineLayer({
    kind,
    build(inputShape) {
      const [channels, ...places] = inputShape;
      if (channels === undefined) {
        throw shapeMismatch(kind, '[channels, ...]', inputShape, 'give each sample at least one dimension');
      }
      const groups = count(channels);
      if (channels % groups !== 0) throw indivisible(kind, groups, inputShape);
      const norm = affine([channels], isAffine);
      const perGroup = elementCount(inputShape) / groups;
      return {
        outputShape: inputShape,
        parameters: norm.parameters,
        apply(g, x, params) {
          const grouped = g.reshape(x, [x.shape[0]!, groups, perGroup]);
          const whole = g.reshape(g.standardize(grouped, [-1], epsilon), [x.shape[0]!, ...inputShape]);
          return norm.apply(g, whole, params, [channels, ...places.map(() => 1)]);
        },
      };
    },
  });
}

function indivisible(layer: string, groups: number, inputShape: readonly number[]): FedloomError {
  const message = `${layer} needs a number of channels that ${groups} divides, but gets ${shapeText(inputShape)}: choose other groups.`;
  return new FedloomError('layer.shape', message, { layer, expected: '[channels, ...]', inputShape });
}
