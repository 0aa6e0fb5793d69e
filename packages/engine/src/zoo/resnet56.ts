import { globalAveragePool2d } from '../layers/average-pool2d.js';
import { block, residual } from '../layers/composites.js';
import { dense } from '../layers/dense.js';
import { checkInteger } from '../layers/layer-checks.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import type { Layer, Model } from '../layers/types.js';
import { afterwards, conv1x1, conv3x3, normsOf, type ResNetOptions } from './resnet-parts.js';

/** A bottleneck gives four times the channels that it works in. */
const EXPANSION = 4;
const BLOCKS = 6;

/**
 * ResNet-56 for small pictures as federated learning has it (FedML's `resnet56`; He et al. 2020, FedGKT, arXiv 2007.14513): three stages
 * of six bottlenecks. Samples `[3, 32, 32]`; 591,322 trained parameters for 10 classes. The paper's own (He et al. 2016, arXiv 1512.03385)
 * is of plain blocks and has 0.85 million. Parameters have FedML's names, which are torchvision's.
 */
export function resNet56(classes = 10, options: ResNetOptions = {}): Model {
  checkInteger('resNet56', 'classes', classes, 1);
  const norm = normsOf('resNet56', options);
  return sequential({
    conv1: conv3x3(16, 1),
    bn1: norm(16),
    relu: relu(),
    layer1: stage(16, 1, norm),
    layer2: stage(32, 2, norm),
    layer3: stage(64, 2, norm),
    avgpool: globalAveragePool2d(),
    fc: dense(classes),
  });
}

/** Bottlenecks, of which the first has more channels to give, and may make its picture smaller. */
function stage(channels: number, stride: number, norm: (channels: number) => Layer): Layer {
  const wide = EXPANSION * channels;
  const bottleneck = (by: number) => ({
    conv1: conv1x1(channels, 1),
    bn1: norm(channels),
    relu1: relu(),
    conv2: conv3x3(channels, by),
    bn2: norm(channels),
    relu2: relu(),
    conv3: conv1x1(wide, 1),
    bn3: norm(wide),
  });
  const first = residual(bottleneck(stride), [conv1x1(wide, stride), norm(wide)]);
  return block([first, ...Array.from({ length: BLOCKS - 1 }, () => residual(bottleneck(1)))].map(afterwards));
}
