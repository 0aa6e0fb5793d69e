// Multinomial logistic regression on MNIST: 784-10.
import { accuracy, defineTask, dense, mnist, sequential, sgd, softmaxCrossEntropy } from 'fedloom';

export default defineTask({
  name: 'bench-lr',
  data: mnist(),
  model: sequential([dense(10)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.03 }) },
});
