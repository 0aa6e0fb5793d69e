// A folder of pictures as a federated task: a subfolder for each class.
import {
  accuracy,
  conv2d,
  defineTask,
  dense,
  flatten,
  images,
  maxPool2d,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from 'fedloom';

export default defineTask({
  name: 'shapes',
  data: images('pictures', {
    size: [16, 16],
    channels: 1,
    classes: ['circle', 'cross', 'square'],
    test: { share: 0.2, seed: 1 },
  }),
  model: sequential([conv2d(8, { kernel: 3 }), relu(), maxPool2d({ kernel: 2 }), flatten(), dense(3)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 2, batchSize: 4, optimizer: sgd({ learningRate: 0.05 }) },
});
