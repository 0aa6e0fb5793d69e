import { FedloomError } from '../errors.js';
import { batchNorm } from '../layers/batch-norm.js';
import { conv2d } from '../layers/conv2d.js';
import { checkLayerOptions, show } from '../layers/layer-checks.js';
import { groupNorm } from '../layers/sample-norms.js';
import type { Layer } from '../layers/types.js';

export interface ResNetOptions {
  /** `batch` (the default), or `group` in groups of at most 32: as good and without statistics that travel. */
  readonly norm?: 'batch' | 'group';
}

/** Makes a model's norms. @throws FedloomError `layer.option` */
export function normsOf(model: string, options: ResNetOptions): (channels: number) => Layer {
  checkLayerOptions(model, options, ['norm']);
  const { norm = 'batch' } = options;
  if (norm !== 'batch' && norm !== 'group') {
    const message = `${model}: norm is ${show(norm)}; it must be 'batch' or 'group'.`;
    throw new FedloomError('layer.option', message, { layer: model, option: 'norm', value: norm });
  }
  return (channels) => (norm === 'batch' ? batchNorm() : groupNorm(Math.min(32, channels / 2)));
}

export function conv3x3(channels: number, stride: number): Layer {
  return conv2d(channels, { kernel: 3, stride, padding: 1, bias: false });
}

export function conv1x1(channels: number, stride: number): Layer {
  return conv2d(channels, { kernel: 1, stride, bias: false });
}

/** A block and its last relu, under the block's own names. */
export function afterwards(basic: Layer): Layer {
  return {
    kind: basic.kind,
    build(inputShape) {
      const built = basic.build(inputShape);
      return {
        ...built,
        apply(g, x, params, context) {
          const result = built.apply(g, x, params, context);
          return 'output' in result ? { ...result, output: g.relu(result.output) } : g.relu(result);
        },
      };
    },
  };
}
