// McMahan's 2NN: 784-200-200-10.
import { accuracy, defineTask, dense, mnist, relu, sequential, sgd, softmaxCrossEntropy } from 'fedloom';

export default defineTask({
  name: 'bench-2nn',
  data: mnist(),
  model: sequential([dense(200), relu(), dense(200), relu(), dense(10)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.1 }) },
});
