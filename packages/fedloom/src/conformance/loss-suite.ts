import type { Loss, LossContext, Value } from '@fedloom/engine';
import { checkNear, GraphTrial } from './graph-trial.js';
import { type ConformanceCase, check, checkAccepted, checkEqual } from './suite.js';

const SAMPLES = 3;

/**
 * What every loss must do. `makeLoss` is called for each case.
 * @param context predictions and targets that go together; gradients are checked at random predictions
 */
export function lossSuite(makeLoss: () => Loss, context: LossContext): readonly ConformanceCase[] {
  return [
    {
      name: 'takes predictions and targets that go together',
      run: async () => checkAccepted(() => makeLoss().check(context), '`check`'),
    },
    { name: 'gives a number for each sample', run: async () => givesNumbers(makeLoss(), context) },
    { name: "makes each sample's number of that sample alone", run: async () => isOfSamples(makeLoss(), context) },
    { name: 'reads a row of each sample, of that sample alone', run: async () => readsSamples(makeLoss(), context) },
    { name: 'has the gradients that differences show', run: async () => hasGradients(makeLoss(), context) },
  ];
}

function applied(loss: Loss, context: LossContext) {
  const { predictionShape, targetShape, classes } = context;
  const trial = new GraphTrial();
  const { g } = trial;
  const prediction = trial.input('prediction', 'float32', [SAMPLES, ...predictionShape]);
  const shape = [SAMPLES, ...targetShape];
  const count = shape.reduce((product, extent) => product * extent, 1);
  const target =
    classes === undefined
      ? trial.input(
          'target',
          'float32',
          shape,
          trial.integers(count, 1000).map((value) => value / 1000),
        )
      : trial.input('target', 'int32', shape, trial.integers(count, classes));
  const prepared: Value = loss.prepareTarget?.(g, target, context) ?? target;
  return { trial, losses: loss.perSample(g, prediction, prepared, context) };
}

function givesNumbers(loss: Loss, context: LossContext): void {
  const { trial, losses } = applied(loss, context);
  const found = trial.run(new Map([['losses', losses]])).get('losses');
  checkEqual(found?.shape, [SAMPLES], 'the shape of what `perSample` gives');
  check(Array.from(found?.data ?? [], Number).every(Number.isFinite), 'a loss is not finite');
}

function isOfSamples(loss: Loss, context: LossContext): void {
  const { trial, losses } = applied(loss, context);
  checkRows(trial, new Map([['losses', losses]]), () => 'the loss');
}

/** What people read from predictions, where the loss says something. */
function readsSamples(loss: Loss, context: LossContext): void {
  const { trial } = applied(loss, context);
  const prediction = trial.values.get('prediction');
  if (loss.readings === undefined || prediction === undefined) return;
  const readings = new Map(Object.entries(loss.readings(trial.g, prediction, context)));
  for (const [name, value] of readings)
    checkEqual(value.shape[0], SAMPLES, `the number of rows of the reading ${name}`);
  checkRows(trial, readings, (name) => `the reading ${name}`);
}

/** Other predictions of the other samples change nothing. */
function checkRows(trial: GraphTrial, outputs: ReadonlyMap<string, Value>, what: (name: string) => string): void {
  const before = trial.run(outputs);
  const prediction = trial.feeds.get('prediction');
  if (prediction === undefined) return;
  const perSample = prediction.data.length / SAMPLES;
  for (let kept = 0; kept < SAMPLES; kept += 1) {
    const data = Float64Array.from(prediction.data as Float64Array, (value, at) =>
      Math.floor(at / perSample) === kept ? value : value / 2,
    );
    const after = trial.run(outputs, new Map([...trial.feeds, ['prediction', { ...prediction, data }] as const]));
    for (const name of outputs.keys()) {
      const rowOf = (results: typeof before) => {
        const all = Array.from(results.get(name)?.data ?? [], Number);
        return all.slice((kept * all.length) / SAMPLES, ((kept + 1) * all.length) / SAMPLES);
      };
      const told = `with other predictions of the other samples, ${what(name)} of sample ${kept}, as`;
      checkNear(rowOf(after), rowOf(before), told);
    }
  }
}

function hasGradients(loss: Loss, context: LossContext): void {
  const { trial, losses } = applied(loss, context);
  trial.checkGradients(losses, ['prediction']);
}
