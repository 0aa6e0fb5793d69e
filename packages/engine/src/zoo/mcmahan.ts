import { conv2d } from '../layers/conv2d.js';
import { dense } from '../layers/dense.js';
import { maxPool2d } from '../layers/max-pool2d.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import { flatten } from '../layers/shape-layers.js';
import type { Model } from '../layers/types.js';

/*
 * The models of McMahan, Moore, Ramage, Hampson, Agüera y Arcas: Communication-Efficient Learning of Deep Networks from Decentralized
 * Data. AISTATS 2017, arXiv 1602.05629, section 3.
 */

/** Two hidden layers of 200 units: 199,210 parameters on MNIST. */
export function twoNN(classes = 10): Model {
  return sequential([flatten(), dense(200), relu(), dense(200), relu(), dense(classes)]);
}

/** Two 5x5 convolutions of 32 and 64 channels, each with a 2x2 pool, and 512 units: 1,663,370 parameters on MNIST. Samples `[1, 28, 28]`. */
export function mcmahanCnn(classes = 10): Model {
  return sequential([
    conv2d(32, { kernel: 5, padding: 'same' }),
    relu(),
    maxPool2d({ kernel: 2 }),
    conv2d(64, { kernel: 5, padding: 'same' }),
    relu(),
    maxPool2d({ kernel: 2 }),
    flatten(),
    dense(512),
    relu(),
    dense(classes),
  ]);
}
