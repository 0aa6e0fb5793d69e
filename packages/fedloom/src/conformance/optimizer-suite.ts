import { gradients, type Optimizer, type OptimizerOutput, type Value } from '@fedloom/engine';
import { GraphTrial } from './graph-trial.js';
import { type ConformanceCase, check, checkEqual } from './suite.js';

const SHAPES: Readonly<Record<string, readonly number[]>> = { 'a.bias': [2], 'a.weight': [2, 3], 'b.weight': [] };
const NAMES = Object.keys(SHAPES);
const STEPS = 60;

/**
 * What every optimiser must do. `makeOptimizer` is called for each case.
 * @param makeOptimizer one that goes downhill on a sum of squares within 60 steps, such as with a learning rate of 0.05
 */
export function optimizerSuite(makeOptimizer: () => Optimizer): readonly ConformanceCase[] {
  return [
    { name: 'gives every parameter and slot, in their shapes', run: async () => givesAll(makeOptimizer()) },
    { name: 'goes downhill on a sum of squares', run: async () => goesDownhill(makeOptimizer()) },
    { name: 'takes the learning rate that it is given', run: async () => takesTheRate(makeOptimizer()) },
    { name: 'stays finite where gradients are 0', run: async () => standsZeros(makeOptimizer()) },
    {
      name: 'has a learning rate for every round, that of the first its default',
      run: async () => ratesByRound(makeOptimizer()),
    },
    { name: 'changes its settings as it is told, and no others', run: async () => changesSettings(makeOptimizer()) },
  ];
}

interface State {
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly slots: Readonly<Record<string, readonly number[]>>;
}

function start({ slots }: Optimizer): State {
  const of = (name: string, value: (at: number) => number) =>
    Array.from({ length: (SHAPES[name] ?? []).reduce((product, extent) => product * extent, 1) }, (_, at) => value(at));
  return {
    parameters: Object.fromEntries(
      NAMES.map((name) => [name, of(name, (at) => (at % 2 === 0 ? 1 : -1) * (1 + at / 4))]),
    ),
    slots: Object.fromEntries(slots.flatMap((slot) => NAMES.map((name) => [`${slot}/${name}`, of(name, () => 0)]))),
  };
}

/** One step down the sum of squares. */
function stepped(optimizer: Optimizer, { parameters, slots }: State, step: number, rate = optimizer.learningRate) {
  const trial = new GraphTrial();
  const { g } = trial;
  const inputs = (kind: string, values: Readonly<Record<string, readonly number[]>>, prefix = '') =>
    new Map(
      NAMES.map((name) => [
        name,
        trial.input(`${kind} ${name}`, 'float32', SHAPES[name] ?? [], values[`${prefix}${name}`]),
      ]),
    );
  const own = inputs('parameter', parameters);
  const slotInputs = new Map(optimizer.slots.map((slot) => [slot, inputs(slot, slots, `${slot}/`)]));
  const squares = [...own.values()].map((value) =>
    g.sum(
      g.square(value),
      value.shape.map((_, axis) => axis),
    ),
  );
  const loss = squares.reduce((sum, one) => g.add(sum, one));
  const found = gradients(loss, [...own.values()]);
  const output = optimizer.update(g, {
    parameters: own,
    gradients: new Map([...own.keys()].map((name, at) => [name, found[at] as Value])),
    slots: slotInputs,
    learningRate: trial.input('learning rate', 'float32', [], [rate]),
    step: () => trial.values.get('steps before') ?? trial.input('steps before', 'float32', [], [step]),
  });
  return { output, trial, loss };
}

function next(optimizer: Optimizer, state: State, step: number, rate?: number): State & { readonly loss: number } {
  const { output, trial, loss } = stepped(optimizer, state, step, rate);
  const outputs = new Map<string, Value>([['loss', loss]]);
  for (const [name, value] of output.parameters) outputs.set(`parameter/${name}`, value);
  for (const [slot, values] of output.slots)
    for (const [name, value] of values) outputs.set(`slot/${slot}/${name}`, value);
  const results = trial.run(outputs);
  const of = (prefix: string) =>
    Object.fromEntries(
      [...results].flatMap(([name, { data }]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), Array.from(data, Number)]] : [],
      ),
    );
  return { parameters: of('parameter/'), slots: of('slot/'), loss: Number(results.get('loss')?.data[0]) };
}

function givesAll(optimizer: Optimizer): void {
  const { output } = stepped(optimizer, start(optimizer), 0);
  const shapes = (values: OptimizerOutput['parameters'] | undefined) =>
    Object.fromEntries([...(values ?? [])].map(([name, value]) => [name, value.shape]));
  checkEqual(shapes(output.parameters), SHAPES, 'what `update` gives for parameters');
  checkEqual([...output.slots.keys()].sort(), [...optimizer.slots].sort(), 'the slots that `update` gives');
  for (const slot of optimizer.slots)
    checkEqual(shapes(output.slots.get(slot)), SHAPES, `what \`update\` gives for ${slot}`);
}

function goesDownhill(optimizer: Optimizer): void {
  let state: State & { readonly loss: number } = { ...start(optimizer), loss: Number.NaN };
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    state = next(optimizer, state, step);
    losses.push(state.loss);
  }
  const [first = 0, last = Number.NaN] = [losses[0], losses.at(-1)];
  check(last < first, `the sum of squares is ${last} after ${STEPS} steps, and was ${first}; it must be less`);
}

function takesTheRate(optimizer: Optimizer): void {
  const before = start(optimizer);
  const moved = (rate: number) => {
    let state: State = before;
    // Several, for optimisers that gather gradients first.
    for (let step = 0; step < STEPS; step += 1) state = next(optimizer, state, step, rate);
    return NAMES.reduce(
      (sum, name) =>
        sum +
        (state.parameters[name] ?? []).reduce(
          (part, value, at) => part + Math.abs(value - (before.parameters[name]?.[at] ?? 0)),
          0,
        ),
      0,
    );
  };
  check(moved(0) === 0, 'it moves parameters with a learning rate of 0');
  check(moved(optimizer.learningRate) > 0, 'it does not move parameters with its learning rate');
}

/** As those of a unit that a batch does not reach. */
function standsZeros(optimizer: Optimizer): void {
  const before = start(optimizer);
  const zeros = Object.fromEntries(
    Object.entries(before.parameters).map(([name, values]) => [name, values.map(() => 0)]),
  );
  let state: State = { ...before, parameters: zeros };
  for (let step = 0; step < 3; step += 1) state = next(optimizer, state, step);
  for (const [name, values] of [...Object.entries(state.parameters), ...Object.entries(state.slots)]) {
    check(values.every(Number.isFinite), `${name} is not finite after steps whose gradients are 0`);
  }
}

function ratesByRound(optimizer: Optimizer): void {
  const { learningRate } = optimizer;
  check(Number.isFinite(learningRate), `its learning rate is ${learningRate}; it must be a finite number`);
  if (optimizer.learningRateOf === undefined) return;
  checkEqual(optimizer.learningRateOf(0), learningRate, 'the learning rate of the first round');
  for (const round of [0, 1, 7, 100]) {
    const rate = optimizer.learningRateOf(round);
    check(Number.isFinite(rate), `its learning rate in round ${round} is ${rate}; it must be a finite number`);
    checkEqual(optimizer.learningRateOf(round), rate, `its learning rate in round ${round}, asked again`);
  }
}

function changesSettings(optimizer: Optimizer): void {
  const { hyperparameters = {} } = optimizer;
  if (optimizer.with === undefined) return;
  const changed = optimizer.with({ learningRate: 0.375 });
  checkEqual(changed.learningRate, 0.375, 'the learning rate that `with` was told');
  checkEqual(
    { ...changed.hyperparameters },
    { ...hyperparameters, learningRate: 0.375 },
    'what the settings are after `with` changed the learning rate',
  );
}
