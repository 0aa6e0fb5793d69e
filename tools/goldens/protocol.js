// Writes the protocol's vectors in data/protocol/ with the code of this repository; `--check` compares instead of writing.
//
// A tiny plan (SCAFFOLD, one dense layer, squared error), a client's samples, and what training and evaluation make of
// them. All numbers are such that each operation is exact in float32: whoever follows the protocol gets the same bytes, on
// any processor and in any order of summation. README.md describes the files.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { batchOrder, compilePlan, dense, meanSquaredError, PlanRunner, sequential, sgd } from '@fedloom/engine';
import { onnxRuntimeNode } from '@fedloom/engine/node';
import { encodeSafetensors, RandomStream, scaffold } from 'fedloom';

const folder = new URL('data/protocol/', import.meta.url);
const SEED = -3;
const CLIENT = 7;

const float32 = (shape, data) => ({ dtype: 'float32', shape, data: Float32Array.from(data) });
const hashOf = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const plan = compilePlan({
  name: 'tiny',
  model: sequential([dense(1)]),
  data: { x: { dtype: 'float32', shape: [2] }, y: { dtype: 'float32', shape: [1] } },
  loss: meanSquaredError(),
  metrics: [],
  training: { localEpochs: 2, batchSize: 2, optimizer: sgd({ learningRate: 0.25 }) },
  evaluationBatchSize: 3,
  terms: scaffold().client.terms,
});

const model = new Map([
  ['0.bias', float32([1], [0.5])],
  ['0.weight', float32([1, 2], [1, -0.5])],
  ['control/0.bias', float32([1], [0.25])],
  ['control/0.weight', float32([1, 2], [0, -0.5])],
]);
const train = { x: float32([3, 2], [1, 0, -1, 1, 0, 1]), y: float32([3, 1], [2, -1, 0]) };
const test = { x: float32([4, 2], [1, 1, 0, -1, 2, 0, -1, -1]), y: float32([4, 1], [1, 0, 3, 1]) };
const samplesOf = ({ x, y }) => encodeSafetensors(new Map(Object.entries({ x, y })));

/** One training from the model: the update's body, its facts, and the private state after it. */
async function trained(runner, task, state) {
  const order = batchOrder(3, plan.manifest.training, RandomStream.of(SEED, 'order', task, CLIENT));
  const parameters = new Map([...model].filter(([name]) => !name.startsWith('control/')));
  const outcome = await runner.train({ parameters, broadcast: model, state, ...train, order });
  const change = ([name, before]) => {
    const after = outcome.parameters.get(name).data;
    return [
      name,
      float32(
        before.shape,
        before.data.map((value, i) => after[i] - value),
      ),
    ];
  };
  const body = encodeSafetensors(new Map([...[...parameters].map(change), ...outcome.upload]));
  const facts = { sampleCount: 3, stepCount: outcome.stepCount, meanLoss: outcome.meanLoss };
  return {
    body,
    state: outcome.state,
    vector: { task, order: [...order.data].map(Number), facts, update: hashOf(body) },
  };
}

async function files() {
  const runner = await PlanRunner.create(onnxRuntimeNode(), plan);
  const first = await trained(runner, 0, new Map());
  const second = await trained(runner, 5, first.state);
  const { sums, sampleCount } = await runner.evaluate({ parameters: model, ...test });
  await runner.release();
  const statistics = Object.fromEntries(
    Object.entries(sums).map(([name, sum]) => [name, { sum, weight: sampleCount }]),
  );
  const modelBytes = encodeSafetensors(model);
  const vectors = {
    seed: SEED,
    client: CLIENT,
    plan: hashOf(plan.bytes),
    model: hashOf(modelBytes),
    trainings: [first.vector, second.vector],
    evaluation: { sampleCount, statistics },
  };
  return {
    'tiny.plan': plan.bytes,
    'model.safetensors': modelBytes,
    'train.safetensors': samplesOf(train),
    'test.safetensors': samplesOf(test),
    'update.safetensors': first.body,
    'vectors.json': Buffer.from(`${JSON.stringify(vectors, undefined, 2)}\n`),
  };
}

let differ = 0;
for (const [name, bytes] of Object.entries(await files())) {
  const path = fileURLToPath(new URL(name, folder));
  if (!process.argv.includes('--check')) writeFileSync(path, bytes);
  else if (!readFileSync(path).equals(Buffer.from(bytes))) {
    differ += 1;
    process.stderr.write(`${path} is not what the code makes of it\n`);
  }
}
process.exitCode = differ === 0 ? 0 : 1;
