import { globalAveragePool2d } from '../layers/average-pool2d.js';
import { block, residual } from '../layers/composites.js';
import { dense } from '../layers/dense.js';
import { checkInteger } from '../layers/layer-checks.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import type { Layer, Model } from '../layers/types.js';
import { afterwards, conv1x1, conv3x3, normsOf, type ResNetOptions } from './resnet-parts.js';

/**
 * ResNet-18 for small pictures (He et al. 2016, arXiv 1512.03385), as everywhere for CIFAR: torchvision's with a first convolution of 3x3 and
 * stride 1 and no pool after it. Samples `[3, 32, 32]`; 11,173,962 trained parameters for 10 classes. Parameters have torchvision's
 * names. Group norm in place of batch norm: Hsieh et al. 2020, arXiv 1910.00189.
 */
export function resNet18(classes = 10, options: ResNetOptions = {}): Model {
  checkInteger('resNet18', 'classes', classes, 1);
  const norm = normsOf('resNet18', options);
  return sequential({
    conv1: conv3x3(64, 1),
    bn1: norm(64),
    relu: relu(),
    layer1: stage(64, 1, norm),
    layer2: stage(128, 2, norm),
    layer3: stage(256, 2, norm),
    layer4: stage(512, 2, norm),
    avgpool: globalAveragePool2d(),
    fc: dense(classes),
  });
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
    return by === 1 ? residual(layers) : residual(layers, [conv1x1(channels, by), norm(channels)]);
  };
  return block([afterwards(basic(stride)), afterwards(basic(1))]);
}
