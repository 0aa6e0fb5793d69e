import {
  accuracy,
  arrays,
  type Dataset,
  defineTask,
  dense,
  type FederatedAlgorithm,
  fedAvg,
  type PlanTask,
  RandomStream,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from 'fedloom';

const FEATURES = 12;
const CLASSES = 3;

/** Three Gaussian clouds: small enough that a test's time goes to the federation. */
export function clouds(trainSamples = 600, testSamples = 150): Dataset {
  const random = RandomStream.of(7, 'clouds');
  const centres = Array.from({ length: CLASSES * FEATURES }, () => random.normal());
  const draw = (count: number) => {
    const y = Int32Array.from({ length: count }, (_, i) => i % CLASSES);
    const x = new Float32Array(count * FEATURES);
    for (let i = 0; i < x.length; i += 1) {
      const row = Math.floor(i / FEATURES);
      x[i] = (centres[(y[row] as number) * FEATURES + (i % FEATURES)] as number) + 0.8 * random.normal();
    }
    return {
      x: { dtype: 'float32' as const, shape: [count, FEATURES], data: x },
      y: { dtype: 'int32' as const, shape: [count], data: y },
    };
  };
  return arrays({ name: 'clouds', train: draw(trainSamples), test: draw(testSamples), classes: CLASSES });
}

export function logisticRegression(algorithm: FederatedAlgorithm = fedAvg(), data: Dataset = clouds()): PlanTask {
  return defineTask({
    name: 'clouds',
    data,
    model: sequential([dense(CLASSES)]),
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs: 2, batchSize: 8, optimizer: sgd({ learningRate: 0.1 }) },
    algorithm,
  });
}
