import { conv2d } from '../layers/conv2d.js';
import { dense } from '../layers/dense.js';
import { dropout } from '../layers/dropout.js';
import { maxPool2d } from '../layers/max-pool2d.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import { flatten } from '../layers/shape-layers.js';
import type { Model } from '../layers/types.js';

/**
 * The CNN for FEMNIST of Reddi et al. 2021 (arXiv 2003.00295, table 4), FedML's `CNN_DropOut`. Samples `[1, 28, 28]`; 1,206,590 parameters
 * for the 62 classes, 1,199,882 for 10, digits alone. Parameters have FedML's names.
 */
export function femnistCnn(classes = 62): Model {
  return sequential({
    conv2d_1: conv2d(32, { kernel: 3 }),
    relu_1: relu(),
    conv2d_2: conv2d(64, { kernel: 3 }),
    relu_2: relu(),
    max_pooling: maxPool2d({ kernel: 2 }),
    dropout_1: dropout(0.25),
    flatten: flatten(),
    linear_1: dense(128),
    relu_3: relu(),
    dropout_2: dropout(0.5),
    linear_2: dense(classes),
  });
}
