// McMahan's 2NN on MNIST: 784-200-200-10, 199,210 parameters.
//   npx fedloom run examples/01-mnist/task.ts 100 10 30
import { accuracy, defineTask, dense, fedAvg, iid, mnist, relu, sequential, sgd, softmaxCrossEntropy } from 'fedloom';

export default defineTask({
  name: 'mnist',
  data: mnist(),
  partition: iid(),
  model: sequential([dense(200), relu(), dense(200), relu(), dense(10)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.2 }) },
  algorithm: fedAvg(),
});
