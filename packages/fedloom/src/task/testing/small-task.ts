import { accuracy, type DataSpec, dense, relu, sequential, sgd, softmaxCrossEntropy } from '@fedloom/engine';
import { arrays } from '../../data/arrays.js';
import type { PlanTaskDefinition } from '../task.js';

/** Three features, two classes. */
export const smallSpec: DataSpec = {
  x: { dtype: 'float32', shape: [3] },
  y: { dtype: 'int32', shape: [], classes: 2 },
};

export function smallDefinition(): PlanTaskDefinition {
  return {
    name: 'small',
    data: arrays({
      train: {
        x: [
          [1, 2, 3],
          [4, 5, 6],
        ],
        y: [0, 1],
      },
      classes: 2,
    }),
    model: sequential([dense(4), relu(), dense(2)]),
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.1 }) },
  };
}
