import { FedloomError } from '../errors.js';
import { globalAveragePool2d } from '../layers/average-pool2d.js';
import { batchNorm } from '../layers/batch-norm.js';
import { block } from '../layers/composites.js';
import { conv2d } from '../layers/conv2d.js';
import { dense } from '../layers/dense.js';
import { checkInteger, checkLayerOptions, show } from '../layers/layer-checks.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import type { Layer, Model } from '../layers/types.js';

export interface MobileNetOptions {
  /** The paper's alpha: by what all numbers of channels are multiplied, rounded down. Above 0; default 1. */
  readonly width?: number;
}

/**
 * MobileNet for small pictures (Howard et al. 2017, arXiv 1704.04861), as FedML's `mobilenet`: a first stride of 1. Samples `[3, 32, 32]`;
 * 3,223,178 trained parameters for 10 classes, with biases in the pointwise convolutions. Parameters have FedML's names.
 */
export function mobileNet(classes = 10, options: MobileNetOptions = {}): Model {
  checkInteger('mobileNet', 'classes', classes, 1);
  checkLayerOptions('mobileNet', options, ['width']);
  const { width = 1 } = options;
  if (!(typeof width === 'number' && width * 32 >= 1 && width < Number.POSITIVE_INFINITY)) {
    const message = `mobileNet: width is ${show(width)}; it must be a number of at least 1/32.`;
    throw new FedloomError('layer.option', message, { layer: 'mobileNet', option: 'width', value: width });
  }
  const scaled = (channels: number) => Math.floor(width * channels);
  const separable = (from: number, to: number, stride = 1) => depthwiseSeparable(scaled(from), scaled(to), stride);
  const first = { conv: conv2d(scaled(32), { kernel: 3, padding: 1, bias: false }), bn: batchNorm(), relu: relu() };
  return sequential({
    stem: block([block(first), separable(32, 64)]),
    conv1: block([separable(64, 128, 2), separable(128, 128)]),
    conv2: block([separable(128, 256, 2), separable(256, 256)]),
    conv3: block([separable(256, 512, 2), ...Array.from({ length: 5 }, () => separable(512, 512))]),
    conv4: block([separable(512, 1024, 2), separable(1024, 1024)]),
    avg: globalAveragePool2d(),
    fc: dense(classes),
  });
}

/** A filter for each channel, and then each place's channels by a matrix. */
function depthwiseSeparable(from: number, to: number, stride: number): Layer {
  const depthwise = conv2d(from, { kernel: 3, stride, padding: 1, groups: from, bias: false });
  return block({
    depthwise: block([depthwise, batchNorm(), relu()]),
    pointwise: block([conv2d(to, { kernel: 1 }), batchNorm(), relu()]),
  });
}
