import {
  batchOrder,
  type ClientTerms,
  compilePlan,
  type DataSpec,
  dense,
  initializeParameters,
  type NamedTensors,
  PlanRunner,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
  type Tensor,
  zeros,
} from '@fedloom/engine';
import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../core/random.js';
import { fedProx } from './fed-prox.js';
import { scaffold } from './scaffold.js';

const SAMPLES = 300;
const data: DataSpec = { x: { dtype: 'float32', shape: [100] }, y: { dtype: 'int32', shape: [], classes: 10 } };
const model = sequential([dense(64), relu(), dense(64), relu(), dense(10)]);

// Batches above the block sizes of matrix kernels, where a sum that is grouped otherwise rounds otherwise.
describe.each([10, 64, 'all'] as const)('terms that are zero change no bit of an MLP, batch size %s', (batchSize) => {
  it.each([fedProx({ mu: 0 }), scaffold()])('$name', async ({ client }) => {
    const plain = await train(batchSize);
    expect(await train(batchSize, client?.terms)).toEqual(plain);
    expect(await train(batchSize, fedProx({ mu: 0.1 }).client?.terms)).not.toEqual(plain);
  });
});

/** The parameters after two epochs; control variates, where the terms have them, are zero. */
async function train(batchSize: number | 'all', terms?: ClientTerms): Promise<NamedTensors> {
  const training = { localEpochs: 2, batchSize, shuffle: true, optimizer: sgd({ learningRate: 0.1 }) };
  const source = { name: 'mlp', model, data, loss: softmaxCrossEntropy(), metrics: [], training };
  const plan = compilePlan(terms === undefined ? source : { ...source, terms });
  const runner = await PlanRunner.create(onnxRuntimeNode(), plan);
  const parameters = initializeParameters(model, data, RandomStream.of(1, 'model'));
  const broadcast = (terms?.broadcast ?? []).flatMap((slot) =>
    [...parameters].map(([name, { shape }]): [string, Tensor] => [`${slot}/${name}`, zeros('float32', shape)]),
  );
  const random = RandomStream.of(2, 'partition');
  const { parameters: trained } = await runner.train({
    parameters,
    broadcast: new Map(broadcast),
    x: {
      dtype: 'float32',
      shape: [SAMPLES, 100],
      data: Float32Array.from({ length: SAMPLES * 100 }, () => random.next()),
    },
    y: { dtype: 'int32', shape: [SAMPLES], data: Int32Array.from({ length: SAMPLES }, () => random.integer(10)) },
    order: batchOrder(SAMPLES, training, RandomStream.of(3, 'order')),
  });
  await runner.release();
  return trained;
}
