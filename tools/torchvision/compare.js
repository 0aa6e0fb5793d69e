// Trains what export.py wrote, and says how far it is from PyTorch: see compare.sh.
//   node tools/torchvision/compare.js FOLDER
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bindParameters,
  compileInference,
  compilePlan,
  initializeParameters,
  modelFromOnnx,
  PlanRunner,
} from '@fedloom/engine';
import { onnxRuntimeNode } from '@fedloom/engine/node';
import { decodeSafetensors, sgd, softmaxCrossEntropy } from 'fedloom';

const LEARNING_RATE = 0.01;
/** Bounds: sums of float32 in another order, which batch norm over four samples makes larger from layer to layer and from step to step. */
const GREATEST = [1e-5, 1e-3, 1e-3, 1e-1];
const WHAT = ['prediction', 'loss', 'first change', 'second change'];

/** The norm of the difference, over the norm of what is expected. */
function relativeError(found, expected) {
  let [difference, norm] = [0, 0];
  for (const [at, value] of expected.entries()) {
    difference += (found[at] - value) ** 2;
    norm += value ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** What two steps changed of the parameters that both have by name, in one row. */
function changes(names, before, after) {
  return names.flatMap((name) => Array.from(after(name), (value, at) => value - before(name)[at]));
}

async function compare(folder, name) {
  const theirs = decodeSafetensors(readFileSync(join(folder, `${name}.safetensors`)));
  const dataOf = (key) => theirs.get(key).data;
  const [x, y] = [theirs.get('x'), theirs.get('y')];
  const began = performance.now();
  const source = {
    name,
    model: modelFromOnnx(readFileSync(join(folder, `${name}.onnx`)), {}, `${name}.onnx`),
    data: { x: { dtype: 'float32', shape: x.shape.slice(1) }, y: { dtype: 'int32', shape: [], classes: 10 } },
    loss: softmaxCrossEntropy(),
    metrics: [],
    training: {
      localEpochs: 1,
      batchSize: y.shape[0],
      shuffle: false,
      optimizer: sgd({ learningRate: LEARNING_RATE }),
    },
  };
  const plan = compilePlan(source);
  const compileMs = performance.now() - began;
  let parameters = initializeParameters(source.model, source.data, () => 0);
  const predictor = await onnxRuntimeNode().load(bindParameters(compileInference(source), parameters));
  const [prediction] = (await predictor.run(new Map([['x', x]]))).values();
  await predictor.release();
  const runner = await PlanRunner.create(onnxRuntimeNode(), plan);
  const order = { dtype: 'int64', shape: [1, y.shape[0]], data: BigInt64Array.from(y.data.keys(), BigInt) };
  const shared = [...parameters.keys()].filter((one) => theirs.has(`0/${one}`));
  const [losses, steps] = [[], []];
  for (let step = 0; step < 2; step += 1) {
    const result = await runner.train({ x, y, parameters, order });
    losses.push(result.meanLoss);
    const [before, after] = [parameters, new Map([...parameters, ...result.parameters])];
    steps.push(
      relativeError(
        changes(
          shared,
          (one) => before.get(one).data,
          (one) => after.get(one).data,
        ),
        changes(
          shared,
          (one) => dataOf(`${step}/${one}`),
          (one) => dataOf(`${step + 1}/${one}`),
        ),
      ),
    );
    parameters = after;
  }
  await runner.release();
  const lossError = Math.max(...losses.map((loss, at) => Math.abs(loss / dataOf('losses')[at] - 1)));
  const errors = [relativeError(prediction.data, dataOf('prediction')), lossError, ...steps];
  return { names: `${shared.length} of ${parameters.size}`, compileMs, errors, own: [...dataOf('own')] };
}

const folder = process.argv[2];
const names = readdirSync(folder).flatMap((file) => (file.endsWith('.onnx') ? [file.slice(0, -'.onnx'.length)] : []));
if (names.length === 0) throw new Error(`${folder} holds no ONNX files: export.py writes them.`);
console.log(`| model | parameters by name | ${WHAT.join(' | ')} | compiled in |\n|---|---|---|---|---|---|---|`);
for (const name of names) {
  const { names: parameters, compileMs, errors, own } = await compare(folder, name);
  const figures = errors.map((error, at) => `${error.toExponential(1)} (${own[at].toExponential(1)})`);
  console.log(`| ${[name, parameters, ...figures, `${(compileMs / 1000).toFixed(1)} s`].join(' | ')} |`);
  for (const [at, error] of errors.entries()) {
    if (error < GREATEST[at]) continue;
    console.error(`${name}: the ${WHAT[at]} is ${error} from PyTorch's, more than ${GREATEST[at]}`);
    process.exitCode = 1;
  }
}
