import { Graph, type GraphBackend, type Operation, type Tensor, toOnnx, type Value } from '@fedloom/engine';
import { checkNear, GraphTrial } from './graph-trial.js';
import { type ConformanceCase, check, checkEqual } from './suite.js';

/** An input that an operation takes. */
export interface PrimitiveInput {
  /** Its first axis counts samples where `samples` is true. */
  readonly shape: readonly number[];
  /** Default float32: numbers from `from` to `to`; int32: whole ones from 0 to below `to`. */
  readonly dtype?: 'float32' | 'int32';
  /** Default -1.5. */
  readonly from?: number;
  /** Default 1.5. */
  readonly to?: number;
}

export interface PrimitiveUnderTest {
  /** That go together; gradients are checked at random numbers, so that there must be some almost everywhere. */
  readonly inputs: readonly PrimitiveInput[];
  /** What runs ONNX: `onnxRuntimeNode()` of @fedloom/engine/node. */
  readonly backend: GraphBackend;
  /** The result has a row for each row of those inputs that have more than one, made of that row alone. Default false. */
  readonly samples?: boolean;
  /** False: no gradient flows. Default true. */
  readonly differentiable?: boolean;
}

/** Of the largest element: float32 against float64. */
const FLOAT32_TOLERANCE = 1e-5;

/**
 * What every operation of `definePrimitive` must do.
 * @param operation with its options, if it has any: `(g, inputs) => snake(g, inputs, { frequency: 2 })`
 */
export function primitiveSuite(operation: Operation, about: PrimitiveUnderTest): readonly ConformanceCase[] {
  return [
    { name: 'gives what its type says, all of it finite', run: async () => givesItsType(operation, about) },
    ...(about.differentiable === false
      ? []
      : [{ name: 'has the gradients that differences show', run: async () => hasGradients(operation, about) }]),
    { name: 'is the same on ONNX Runtime as by its reference', run: () => isTheSameOnOnnx(operation, about) },
    {
      name: 'takes any number of rows on ONNX Runtime',
      run: () => takesAnyRows(operation, about),
    },
    ...(about.samples === true
      ? [{ name: "makes each sample's row of that sample alone", run: async () => isOfRows(operation, about) }]
      : []),
  ];
}

function applied(operation: Operation, { inputs }: PrimitiveUnderTest) {
  const trial = new GraphTrial();
  const values = inputs.map((input, at) =>
    trial.input(`input ${at + 1}`, input.dtype ?? 'float32', input.shape, numbersOf(trial, input)),
  );
  return { trial, output: operation(trial.g, values) };
}

function numbersOf(trial: GraphTrial, { shape, dtype = 'float32', from = -1.5, to = 1.5 }: PrimitiveInput): number[] {
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (dtype === 'int32') return trial.integers(count, to);
  return trial.integers(count, 1e6).map((one) => Math.fround(from + ((to - from) * one) / 1e6));
}

function givesItsType(operation: Operation, about: PrimitiveUnderTest): void {
  const { trial, output } = applied(operation, about);
  const found = trial.run(new Map([['output', output]])).get('output');
  checkEqual(found?.shape, output.shape, 'the shape of its result');
  check(Array.from(found?.data ?? [], Number).every(Number.isFinite), 'its result has a value that is not finite');
}

function hasGradients(operation: Operation, about: PrimitiveUnderTest): void {
  const { trial, output } = applied(operation, about);
  const floats = about.inputs.flatMap(({ dtype = 'float32' }, at) => (dtype === 'float32' ? [`input ${at + 1}`] : []));
  trial.checkGradients(output, floats);
}

async function isTheSameOnOnnx(operation: Operation, about: PrimitiveUnderTest): Promise<void> {
  const { trial, output } = applied(operation, about);
  const expected = trial.run(new Map([['output', output]])).get('output');
  checkRounded(await ranOnOnnx(trial.g, trial.feeds, about.backend), expected);
}

async function takesAnyRows(operation: Operation, about: PrimitiveUnderTest): Promise<void> {
  const { trial, output } = applied(operation, about);
  const expected = trial.run(new Map([['output', output]])).get('output');
  const g = new Graph();
  const [rows] = about.inputs[0]?.shape ?? [];
  const values = about.inputs.map(({ shape: [first, ...rest], dtype = 'float32' }, at): Value => {
    const shape = first === undefined ? [] : [first === rows && first > 1 ? 'rows' : first, ...rest];
    return g.input(`input ${at + 1}`, dtype, shape);
  });
  g.output('output', operation(g, values));
  checkRounded(await ranOnOnnx(g, trial.feeds, about.backend), expected);
}

async function ranOnOnnx(
  g: Graph,
  feeds: ReadonlyMap<string, Tensor>,
  backend: GraphBackend,
): Promise<Tensor | undefined> {
  const session = await backend.load(toOnnx(g));
  try {
    const asFloats = [...feeds].map(([name, { dtype, shape, data }]): [string, Tensor] => [
      name,
      dtype === 'int32'
        ? { dtype, shape, data }
        : { dtype: 'float32', shape, data: Float32Array.from(data as Float64Array) },
    ]);
    return (await session.run(new Map(asFloats))).get('output');
  } finally {
    await session.release();
  }
}

function checkRounded(actual: Tensor | undefined, expected: Tensor | undefined): void {
  checkEqual(actual?.shape, expected?.shape, 'the shape that ONNX Runtime gives');
  const [found, wanted] = [actual, expected].map((tensor) => Array.from(tensor?.data ?? [], Number));
  const allowed = FLOAT32_TOLERANCE * Math.max(1, ...(wanted ?? []).map(Math.abs));
  for (const [at, value] of (wanted ?? []).entries()) {
    const given = found?.[at] ?? Number.NaN;
    check(
      Math.abs(given - value) <= allowed,
      `output[${at}] is ${given} on ONNX Runtime; by its reference it is ${value}`,
    );
  }
}

/** Other numbers in the other rows change nothing. */
function isOfRows(operation: Operation, about: PrimitiveUnderTest): void {
  const { trial, output } = applied(operation, about);
  const outputs = new Map([['output', output]]);
  const before = trial.run(outputs).get('output')?.data ?? [];
  const rows = Number(output.shape[0]);
  const width = before.length / rows;
  for (let kept = 0; kept < rows; kept += 1) {
    const feeds = new Map(
      [...trial.feeds].map(([name, tensor]): [string, Tensor] => {
        const perRow = tensor.data.length / rows;
        if (tensor.shape[0] !== rows || tensor.dtype === 'int32') return [name, tensor];
        const data = Float64Array.from(tensor.data as Float64Array, (value, at) =>
          Math.floor(at / perRow) === kept ? value : value / 2,
        );
        return [name, { ...tensor, data }];
      }),
    );
    const after = trial.run(outputs, feeds).get('output')?.data ?? [];
    const own = (data: ArrayLike<number | bigint>) => Array.from(data, Number).slice(kept * width, (kept + 1) * width);
    checkNear(own(after), own(before), `with other numbers in the other rows, row ${kept}`);
  }
}
