// McMahan's CNN. As in the peer, relu stands behind the pool: they commute, and a quarter of the values is left.
import {
  accuracy,
  conv2d,
  defineTask,
  dense,
  flatten,
  maxPool2d,
  mnist,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from 'fedloom';

export default defineTask({
  name: 'bench-cnn',
  data: mnist({ shape: 'image' }),
  model: sequential([
    conv2d(32, { kernel: 5, padding: 'same' }),
    maxPool2d({ kernel: 2 }),
    relu(),
    conv2d(64, { kernel: 5, padding: 'same' }),
    maxPool2d({ kernel: 2 }),
    relu(),
    flatten(),
    dense(512),
    relu(),
    dense(10),
  ]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.1 }) },
});
