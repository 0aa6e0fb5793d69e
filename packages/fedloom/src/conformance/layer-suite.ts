import type { BuiltLayer, Layer, LayerParameter, LayerResult, Tensor, Value } from '@fedloom/engine';
import { RandomStream } from '../core/random.js';
import { checkNear, GraphTrial } from './graph-trial.js';
import { type ConformanceCase, check, checkEqual } from './suite.js';

export interface LayerUnderTest {
  /** Of one sample. */
  readonly inputShape: readonly number[];
  /** The layer takes whole numbers from 0 to below this, such as tokens. Default: numbers. */
  readonly tokens?: number;
}

const SAMPLES = 3;

/**
 * What every layer must do. `makeLayer` is called for each case.
 * @param about samples that the layer takes; its gradients are checked at random numbers, so that it must have some almost everywhere
 */
export function layerSuite(makeLayer: () => Layer, about: LayerUnderTest): readonly ConformanceCase[] {
  const built = () => makeLayer().build(about.inputShape);
  return [
    { name: 'is the same whenever it is built', run: async () => isTheSame(built(), built()) },
    {
      name: 'begins with numbers that follow from the stream alone, as many as its shapes hold',
      run: async () => begins(built),
    },
    {
      name: 'gives what its shape says, for one sample and for several',
      run: async () => givesItsShape(built(), about),
    },
    { name: 'leaves places out that hold no sample', run: async () => leavesPaddingOut(built(), about) },
    {
      name: "makes each sample's output of that sample alone in evaluation, and draws nothing",
      run: async () => evaluatesSamples(built(), about),
    },
    { name: 'has the gradients that differences show', run: async () => hasGradients(built(), about) },
  ];
}

function described({ name, shape, role }: LayerParameter): string {
  return `${name} ${role} [${shape.join(', ')}]`;
}

function isTheSame(first: BuiltLayer, second: BuiltLayer): void {
  checkEqual(second.outputShape, first.outputShape, 'the output shape of a second build');
  checkEqual(
    second.parameters.map(described),
    first.parameters.map(described),
    'what a second build has for parameters',
  );
  const names = first.parameters.map(({ name }) => name);
  checkEqual([...new Set(names)], names, 'the list of its parameters, each once');
  for (const extent of first.outputShape) {
    check(
      Number.isSafeInteger(extent) && extent > 0,
      `its output shape has the extent ${extent}; it must be a whole number above 0`,
    );
  }
}

function begins(built: () => BuiltLayer): void {
  const draw = () => {
    const random = RandomStream.of(2, 'layer-conformance');
    return built().parameters.map((parameter) => ({ parameter, values: parameter.initialize(random) }));
  };
  const [first, second] = [draw(), draw()];
  for (const [at, { parameter, values }] of first.entries()) {
    const count = parameter.shape.reduce((product, extent) => product * extent, 1);
    check(values instanceof Float32Array, `${parameter.name} begins with no Float32Array`);
    checkEqual(values.length, count, `the number of values that ${parameter.name} begins with`);
    check(values.every(Number.isFinite), `${parameter.name} begins with a value that is not finite`);
    checkNear(values, second[at]?.values ?? [], `${parameter.name}, drawn again`);
  }
}

function applied(built: BuiltLayer, { inputShape, tokens }: LayerUnderTest, valid: readonly number[], training = true) {
  const trial = new GraphTrial();
  const { g } = trial;
  const params = new Map<string, Value>();
  for (const { name, shape, role } of built.parameters) {
    const count = shape.reduce((product, extent) => product * extent, 1);
    // Variances among them: above 0.
    const numbers = role === 'buffer' ? Array.from({ length: count }, (_, at) => 0.5 + (at % 3) / 4) : undefined;
    params.set(name, trial.input(`parameter ${name}`, 'float32', shape, numbers));
  }
  const shape = [valid.length, ...inputShape];
  const length = shape.reduce((product, extent) => product * extent, 1);
  const x =
    tokens === undefined
      ? trial.input('x', 'float32', shape)
      : trial.input('x', 'int32', shape, trial.integers(length, tokens));
  const context = training ? trial.context(valid) : trial.evaluation(valid);
  const result = built.apply(g, x, params, context);
  const { output, buffers } = 'output' in result ? (result as LayerResult) : { output: result, buffers: new Map() };
  return { trial, output, buffers: buffers as ReadonlyMap<string, Value> };
}

function givesItsShape(built: BuiltLayer, about: LayerUnderTest): void {
  for (const samples of [1, SAMPLES]) {
    const { trial, output, buffers } = applied(built, about, new Array<number>(samples).fill(1));
    const found = trial.run(new Map([['output', output], ...buffers]));
    const { shape = [], data = [] } = found.get('output') ?? {};
    checkEqual(shape, [samples, ...built.outputShape], `the shape of its output for ${samples} samples`);
    check(Array.from(data, Number).every(Number.isFinite), 'its output has a value that is not finite');
    for (const [name, value] of buffers) {
      const declared = built.parameters.find((one) => one.name === name && one.role === 'buffer');
      check(declared !== undefined, `it gives a new value of ${name}, which is no buffer of it`);
      checkEqual(value.shape, declared?.shape, `the shape of its buffer ${name}`);
    }
  }
}

/** Whatever lies in a row that holds no sample changes neither the others nor a buffer. */
function leavesPaddingOut(built: BuiltLayer, about: LayerUnderTest): void {
  const valid = [...new Array<number>(SAMPLES).fill(1), 0];
  const { trial, output, buffers } = applied(built, about, valid);
  const outputs = new Map([['output', output], ...buffers]);
  const before = trial.run(outputs);
  const x = trial.feeds.get('x');
  if (x === undefined) return;
  const perRow = x.data.length / valid.length;
  const other = withOtherRows(x, (at) => at < SAMPLES * perRow, about);
  const after = trial.run(outputs, new Map([...trial.feeds, ['x', other]]));
  for (const [name, tensor] of before) {
    const counted = name === 'output' ? (tensor.data.length / valid.length) * SAMPLES : tensor.data.length;
    const of = (results: typeof before) => Array.from(results.get(name)?.data ?? [], Number).slice(0, counted);
    check(of(before).every(Number.isFinite), `${name} is not finite where a row holds no sample`);
    checkNear(of(after), of(before), `with other numbers in a row that holds no sample, ${name}`);
  }
}

/** As it is exported and as it predicts: whatever the batch holds. Norms go by their running statistics, dropout leaves all. */
function evaluatesSamples(built: BuiltLayer, about: LayerUnderTest): void {
  const { trial, output } = applied(built, about, new Array<number>(SAMPLES).fill(1), false);
  const outputs = new Map([['output', output]]);
  const before = trial.run(outputs).get('output');
  checkEqual(before?.shape, [SAMPLES, ...built.outputShape], 'the shape of its output in evaluation');
  const values = Array.from(before?.data ?? [], Number);
  check(values.every(Number.isFinite), 'in evaluation its output has a value that is not finite');
  const x = trial.feeds.get('x');
  if (x === undefined) return;
  const [perRow, perOutput] = [x.data.length / SAMPLES, values.length / SAMPLES];
  for (let kept = 0; kept < SAMPLES; kept += 1) {
    const feeds = new Map([
      ...trial.feeds,
      ['x', withOtherRows(x, (at) => Math.floor(at / perRow) === kept, about)] as const,
    ]);
    const after = Array.from(trial.run(outputs, feeds).get('output')?.data ?? [], Number);
    const own = (all: readonly number[]) => all.slice(kept * perOutput, (kept + 1) * perOutput);
    checkNear(
      own(after),
      own(values),
      `in evaluation, with other numbers in the other samples, the output of sample ${kept}`,
    );
  }
}

/** A batch with other numbers wherever they are not kept. */
function withOtherRows(x: Tensor, isKept: (at: number) => boolean, { tokens = 2 }: LayerUnderTest): Tensor {
  const other = (value: number) => (x.dtype === 'int32' ? (value + 1) % tokens : Math.abs(value) / 2);
  const changed = Array.from(x.data, Number).map((value, at) => (isKept(at) ? value : other(value)));
  return { ...x, data: x.dtype === 'int32' ? Int32Array.from(changed, Math.floor) : Float64Array.from(changed) };
}

function hasGradients(built: BuiltLayer, about: LayerUnderTest): void {
  const { trial, output } = applied(built, about, new Array<number>(SAMPLES).fill(1));
  const trained = built.parameters.filter(({ role }) => role === 'trained').map(({ name }) => `parameter ${name}`);
  trial.checkGradients(output, [...trained, ...(about.tokens === undefined ? ['x'] : [])]);
}
