import { FedloomError } from '../errors.js';
import { globalAveragePool2d } from '../layers/average-pool2d.js';
import { batchNorm } from '../layers/batch-norm.js';
import { block, residual } from '../layers/composites.js';
import { conv2d } from '../layers/conv2d.js';
import { dense } from '../layers/dense.js';
import { checkInteger, checkLayerOptions, show } from '../layers/layer-checks.js';
import { relu } from '../layers/relu.js';
import { groupNorm } from '../layers/sample-norms.js';
import { sequential } from '../layers/sequential.js';
import type { Layer, Model } from '../layers/types.js';

export interface ResNetOptions {
  /** `batch` (the default), or `group` in groups of at most 32: as good and without statistics that travel. */
  readonly norm?: 'batch' | 'group';
}

/**
 * ResNet-18 for small pictures (He et al. 2016, arXiv 1512.03385), as everywhere for CIFAR: torchvision's with a first convolution of 3x3 and
 * stride 1 and no pool after it. Samples `[3, 32, 32]`; 11,173,962 trained parameters for 10 classes. Parameters have torchvision's
 * names. Group norm in place of batch norm: Hsieh et al. 2020, arXiv 1910.00189.
 */
export function resNet18(classes = 10, options: ResNetOptions = {}): Model {
  checkInteger('resNet18', 'classes', classes, 1);
  checkLayerOptions('resNet18', options, ['norm']);
  const { norm = 'batch' } = options;
  if (norm !== 'batch' && norm !== 'group') {
    const message = `resNet18: norm is ${show(norm)}; it must be 'batch' or 'group'.`;
    throw new FedloomError('layer.option', message, { layer: 'resNet18', option: 'norm', value: norm });
  }
  const normOf = (channels: number) => (norm === 'batch' ? batchNorm() : groupNorm(Math.min(32, channels / 2)));
  return sequential({
    conv1: conv3x3(64, 1),
    bn1: normOf(64),
    relu: relu(),
    layer1: stage(64, 1, normOf),
    layer2: stage(128, 2, normOf),
    layer3: stage(256, 2, normOf),
    layer4: stage(512, 2, normOf),
    avgpool: globalAveragePool2d(),
    fc: dense(classes),
  });
}

function conv3x3(channels: number, stride: number): Layer {
  return conv2d(channels, { kernel: 3, stride, padding: 1, bias: false });
}

/** Two basic blocks, of which the first may make its picture smaller. */
function stage(channels: number, stride: number, norm: (channels: number) => Layer): Layer {
  const basic = (by: number) => {
    const layers = {
      conv1: conv3x3(channels, by),
      bn1: norm(channels),
      relu: relu(),
      conv2: conv3x3(channels, 1),
      bn2: norm(channels),
    };
    return by === 1
      ? residual(layers)
      : residual(layers, [conv2d(channels, { kernel: 1, stride: by, bias: false }), norm(channels)]);
  };
  return block([afterwards(basic(stride)), afterwards(basic(1))]);
}

/** A block and its last relu, under the block's own names. */
function afterwards(basic: Layer): Layer {
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
