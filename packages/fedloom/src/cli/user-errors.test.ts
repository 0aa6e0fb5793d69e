import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { simulate } from '../simulation/simulate.js';
import { guardTask } from './guard-task.js';
import type { Interrupts } from './interrupts.js';
import { errorLines } from './report/reporter.js';
import { loadTask } from './task-loader.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-user-errors-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Line 12 of each task is the one that is wrong. */
const HEAD = `import {
  accuracy, arrays, conv2d, defineLayer, defineLoss, defineMetric, defineOptimizer, definePartition, defineTask, dense,
  embedding, fedAvg, fedBuff, iid, relu, sequential, sgd, softmaxCrossEntropy,
} from 'fedloom';
const x = Array.from({ length: 40 }, (_, i) => [Math.sin(i), Math.cos(i)]);
const y = x.map(([a]) => (a > 0 ? 1 : 0));
const data = arrays({ train: { x, y }, test: { x, y }, classes: 2 });
const training = { localEpochs: 1, batchSize: 5, optimizer: sgd({ learningRate: 0.1 }) };
const base = { name: 'base', data, model: sequential([dense(2)]), loss: softmaxCrossEntropy(), training };
const layer = (build) => sequential([defineLayer({ kind: 'mine', build }), dense(2)]);
const trainer = { getModelParams: () => ({ w: [1] }), setModelParams() {}, train: () => ({ sampleCount: 3 }), test: () => ({ results: {}, sampleCount: 3 }) };
`;

async function write(line: string): Promise<string> {
  const path = join(folder, `task-${Math.random().toString(36).slice(2)}.ts`);
  await writeFile(path, `${HEAD}${line}\n`);
  return path;
}

const interrupts: Interrupts = {
  signal: new AbortController().signal,
  exitCode: undefined,
  userCode: (code) => code(),
  stop: () => {},
};

/** What is said of a task: warnings, then the error that ends it. */
async function saidOf(line: string, verbose = false): Promise<{ readonly text: string; readonly log: string[] }> {
  const path = await write(line);
  const said: string[] = [];
  const log: string[] = [];
  try {
    const { task } = await loadTask(path);
    const guarded = guardTask(task, interrupts, { folder, log: (text) => log.push(text), verbose });
    const run = simulate(guarded, { clients: 2, clientsPerRound: 2, rounds: 2, workers: 1 });
    run.on('warning', ({ message }) => said.push(message));
    await run.result;
  } catch (error) {
    expect(error).toBeInstanceOf(FedloomError);
    said.push(errorLines(error, 200, false));
  }
  return { text: said.join('\n').replaceAll(path, 'task.ts'), log };
}

describe('what a task’s own code throws is told with file and line', () => {
  it.each([
    ['the task', 'const nothing = undefined; export default defineTask({ ...base, name: nothing.name });'],
    ['a data set', 'export default defineTask({ ...base, data: { ...data, load: (split) => split.rows.size } });'],
    [
      'a data set, later',
      'export default defineTask({ ...base, data: { ...data, load: async (split) => { await null; return split.rows.size; } } });',
    ],
    [
      'a partition',
      "export default defineTask({ ...base, partition: definePartition({ name: 'mine', partition: (rows) => rows.nothing.size }) });",
    ],
    [
      'a metric',
      "export default defineTask({ ...base, metrics: [defineMetric({ name: 'mine', perSample: (g, p) => g.nothing(p) })] });",
    ],
    [
      'a metric’s operands',
      "export default defineTask({ ...base, metrics: [defineMetric({ name: 'mine', perSample: (g, p, t) => g.sub(g.max(p, [-1]), t) })] });",
    ],
    [
      'a loss',
      "export default defineTask({ ...base, loss: defineLoss({ name: 'mine', check() {}, perSample: (g, p, t) => t.no.thing }) });",
    ],
    [
      'an optimizer',
      "export default defineTask({ ...base, training: { ...training, optimizer: defineOptimizer({ name: 'mine', learningRate: 1, slots: [], update: (g, i) => g.nothing(i) }) } });",
    ],
    [
      'a learning rate',
      'export default defineTask({ ...base, training: { ...training, optimizer: sgd({ learningRate: (round) => (round > 0 ? round.no.thing : 1) }) } });',
    ],
    ['a layer', 'export default defineTask({ ...base, model: layer((shape) => shape.no.thing) });'],
    [
      'a layer’s graph',
      'export default defineTask({ ...base, model: layer((shape) => ({ outputShape: shape, parameters: [], apply: (g, x) => g.nothing(x) })) });',
    ],
    [
      'an operand that is missing',
      "export default defineTask({ ...base, model: layer((shape) => ({ outputShape: shape, parameters: [], apply: (g, x, p) => g.mul(x, p.get('scale')) })) });",
    ],
    [
      'an algorithm',
      "const own = fedAvg(); export default defineTask({ ...base, algorithm: { ...own, name: 'mine', server: { ...own.server, update: (input) => input.no.thing } } });",
    ],
    [
      'an algorithm’s weight',
      "export default defineTask({ ...base, algorithm: { ...fedAvg(), name: 'mine', weight: (facts) => facts.no.thing } });",
    ],
    [
      'a speed',
      'export default defineTask({ ...base, algorithm: fedBuff({ bufferSize: 2 }), speed: (client) => client.no.thing });',
    ],
    ['a trainer factory', "export default defineTask({ name: 't', trainer: (client) => client.no.thing });"],
    [
      'a trainer',
      "export default defineTask({ name: 't', trainer: () => ({ ...trainer, train: (context) => context.no.thing }) });",
    ],
    [
      'a trainer, later',
      "export default defineTask({ name: 't', trainer: () => ({ ...trainer, train: async (context) => { await null; return context.no.thing; } }) });",
    ],
    [
      'a result aggregator',
      "export default defineTask({ name: 't', trainer: () => trainer, resultAggregator: { aggregate: (round) => round.no.thing } });",
    ],
  ])('%s', async (_, line) => {
    const { text } = await saidOf(line);
    expect(text).toMatch(/task\.ts:12:\d+: (?:TypeError|.*(?:sub|mul)\b)/);
    expect(text).not.toMatch(/unexpected error|refused this client/);
  });

  it('what the system says, which has no line there, names what was called', async () => {
    const line =
      "import { readFile } from 'node:fs/promises'; export default defineTask({ ...base, data: { ...data, load: () => readFile('/no/such/file') } });";
    expect((await saidOf(line)).text).toMatch(/task's data\.load failed: Error: ENOENT.*\/no\/such\/file/);
  });

  it('the lines around it are shown, and a caret below the place', async () => {
    const { text } = await saidOf("export default defineTask({ name: 't', trainer: (client) => client.no.thing });");
    expect(text).toContain("> 12 | export default defineTask({ name: 't', trainer: (client) => client.no.thing });");
    expect(text).toMatch(/\n +\| +\^$/);
  });

  it('with --verbose a trainer’s stack is told, once', async () => {
    const line =
      "export default defineTask({ name: 't', trainer: () => ({ ...trainer, train: (context) => context.no.thing }) });";
    expect((await saidOf(line)).log).toEqual([]);
    const { log } = await saidOf(line, true);
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/^TypeError: .*\n +at /);
  });
});

describe('what is no part of a task is refused in words', () => {
  it.each([
    ['sequential([dense, relu()])', 'layer 0 is the function dense; call it, as in dense(10)'],
    ['sequential([dense(2), [relu()]])', 'layer 1 is a list of 1'],
    ['sequential(dense(2), relu())', 'the layers are an object; give a list'],
    ['sequential()', 'the layers are undefined; give a list'],
    ["sequential([dense('4')])", 'units is "4"; give a whole number'],
    [
      'sequential([conv2d(3, 3)])',
      'the settings are 3; give an object with some of { kernel, stride, padding, dilation, groups, bias }',
    ],
    ['sequential([conv2d(3, { size: 3 })])', 'there is no setting size; known are { kernel, stride'],
    ['sequential([conv2d(3, {})])', 'kernel is undefined; give a whole number, or [height, width]'],
    ['sequential([embedding(3)])', 'dimensions is undefined'],
    ['layer(() => {})', 'Layer 0:mine: build returned undefined; it must return { outputShape, parameters, apply }'],
    [
      'layer((shape) => ({ outputShape: shape, parameters: [], apply() {} }))',
      'Layer 0:mine: apply returned undefined',
    ],
    [
      'layer((shape) => ({ outputShape: [3], parameters: [], apply: (g, x) => x }))',
      'a value of shape [batch, 2]; by the outputShape of its build it must be of shape [batch, 3]',
    ],
    [
      "layer((shape) => ({ outputShape: shape, parameters: [{ name: 'a', shape, role: 'trained', initialize: () => [1, 1] }], apply: (g, x) => x }))",
      'The parameter 0.a: initialize returned a list of 2; it must return a Float32Array of 2 values',
    ],
  ])('model: %s', async (model, message) => {
    expect((await saidOf(`export default defineTask({ ...base, model: ${model} });`)).text).toContain(message);
  });

  it.each([
    ['loss: softmaxCrossEntropy', 'loss is the function softmaxCrossEntropy, not called'],
    ['metrics: [accuracy]', 'metrics.0 is the function accuracy, not called; it must be a metric'],
    ['metrics: accuracy()', 'it must be a list of metrics'],
    ["metrics: [defineMetric({ name: 'top 5', perSample: (g, p) => p })]", 'name is "top 5"; it must be a word'],
    [
      "metrics: [defineMetric({ name: 'mine', perSample: (g, p) => p })]",
      'The metric mine: perSample returned float32 [batch, 2]; it must return one number for each sample',
    ],
    ["metrics: [defineMetric({ name: 'mine', perSample() {} })]", 'The metric mine: perSample returned undefined'],
    [
      "loss: defineLoss({ name: 'mine', check() {}, perSample: (g, p) => g.mean(p, [0, 1]) })",
      'The loss mine: perSample returned float32 []',
    ],
    ['training: { ...training, optimizer: sgd() }', 'sgd: the settings are undefined'],
    ['training: { ...training, optimizer: sgd({ lr: 0.1 }) }', 'there is no setting lr; known are { learningRate'],
    [
      "training: { ...training, optimizer: sgd({ learningRate: '0.1' }) }",
      'learningRate is "0.1"; it must be a finite number',
    ],
    [
      "training: { ...training, optimizer: defineOptimizer({ name: 'mine', learningRate: 1 }) }",
      'slots is undefined; it must be a list of names',
    ],
    [
      "training: { ...training, optimizer: defineOptimizer({ name: 'mine', learningRate: 1, slots: ['m'], update: (g, i) => ({ parameters: i.parameters }) }) }",
      'update must return { parameters, slots: a Map with m }',
    ],
    ['data: arrays()', 'train split is missing. Give arrays({ train: { x, y }'],
    ['data: arrays({ train: { x }, classes: 2 })', 'train split lacks y'],
    [
      "data: arrays({ train: { x, y: y.map((label) => (label ? 'yes' : 'no')) }, classes: 2 })",
      'y holds something else than a number at [0] ("',
    ],
    ['data: { ...data, spec: async () => undefined }', 'spec() must give the form of one sample'],
    ['data: { ...data, load: async () => undefined }', 'gave no examples: it must give { x, y }'],
    [
      "algorithm: { ...fedAvg(), name: 'mine', server: { ...fedAvg().server, update() {} } }",
      'returned undefined: it must return { model, state }',
    ],
  ])('%s', async (part, message) => {
    expect((await saidOf(`export default defineTask({ ...base, ${part} });`)).text).toContain(message);
  });

  it.each([
    ['class Mine {}; ', 'Mine', 'trainer is a class; it must be a function that makes the trainer'],
    [
      '',
      '() => undefined',
      'gave the server, which is index -1, undefined: it must return an object with getModelParams',
    ],
    ['', '() => ({ ...trainer, test: 3 })', 'an object without test'],
    [
      '',
      '() => ({ ...trainer, getModelParams() {} })',
      "The server's trainer gave undefined: getModelParams must return a Map",
    ],
    ['', '() => ({ ...trainer, train() {} })', 'returned undefined from train: it must return { sampleCount }'],
    ['', '() => ({ ...trainer, train: () => ({ samples: 3 }) })', 'returned { samples } from train'],
  ])('%strainer: %s', async (before, factory, message) => {
    const { text } = await saidOf(`${before}export default defineTask({ name: 't', trainer: ${factory} });`);
    expect(text).toContain(message);
  });
});

it('a task may be made of another', async () => {
  const line = 'const task = defineTask(base); export default defineTask({ ...task, algorithm: fedAvg() });';
  expect((await saidOf(line)).text).toBe('');
});
