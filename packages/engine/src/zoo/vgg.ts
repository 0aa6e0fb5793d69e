import { FedloomError } from '../errors.js';
import { batchNorm } from '../layers/batch-norm.js';
import { block } from '../layers/composites.js';
import { conv2d } from '../layers/conv2d.js';
import { dense } from '../layers/dense.js';
import { checkInteger, checkLayerOptions, show } from '../layers/layer-checks.js';
import { maxPool2d } from '../layers/max-pool2d.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import { flatten } from '../layers/shape-layers.js';
import type { Layer, Model } from '../layers/types.js';

export interface VggOptions {
  /** `none` (the default), as in the paper, or `batch` after each convolution. */
  readonly norm?: 'none' | 'batch';
}

/** The paper's configuration A: filters of the convolutions between the pools. */
const CONFIGURATION: readonly (readonly number[])[] = [[64], [128], [256, 256], [512, 512], [512, 512]];

/**
 * VGG-11 for small pictures (Simonyan and Zisserman 2015, arXiv 1409.1556), as usual for CIFAR: one dense layer in place of three. Samples
 * `[3, 32, 32]`; 9,225,610 trained parameters for 10 classes, 9,231,114 with batch norm. The convolutions have torchvision's names,
 * `features.0.weight`; the dense layer is `classifier`.
 */
export function vgg11(classes = 10, options: VggOptions = {}): Model {
  checkInteger('vgg11', 'classes', classes, 1);
  checkLayerOptions('vgg11', options, ['norm']);
  const { norm = 'none' } = options;
  if (norm !== 'none' && norm !== 'batch') {
    const message = `vgg11: norm is ${show(norm)}; it must be 'none' or 'batch'.`;
    throw new FedloomError('layer.option', message, { layer: 'vgg11', option: 'norm', value: norm });
  }
  const convolution = (filters: number): Layer[] => [
    conv2d(filters, { kernel: 3, padding: 1 }),
    ...(norm === 'batch' ? [batchNorm()] : []),
    relu(),
  ];
  const features = CONFIGURATION.flatMap((stage) => [...stage.flatMap(convolution), maxPool2d({ kernel: 2 })]);
  return sequential({ features: block(features), flatten: flatten(), classifier: dense(classes) });
}
