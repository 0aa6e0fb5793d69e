import { FedloomError } from '@fedloom/engine';
import * as z from 'zod';
import { parseBound } from '../core/bound.js';
import { didYouMean } from '../core/closest.js';

type Check = (value: unknown) => boolean;

/** A field whose message says what it must be. */
function field(check: Check, mustBe: string) {
  return z.custom<unknown>(check, { error: `it must be ${mustBe}` });
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const has =
  (methods: readonly string[]): Check =>
  (value) =>
    isRecord(value) && methods.every((method) => typeof value[method] === 'function');
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 1;
const isMetric = has(['perSample']);
const isClass: Check = (value) =>
  typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));

const isBound: Check = (value) => {
  if (typeof value !== 'number' && typeof value !== 'string') return false;
  try {
    parseBound(value, 'bounds');
    return true;
  } catch {
    return false;
  }
};

const name = field(
  (value) => typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value),
  'a short name of letters, digits, ".", "_" and "-", such as \'mnist\'',
);
const algorithm = field(
  (value) => isRecord(value) && typeof value.name === 'string' && has(['initialize', 'update'])(value.server),
  'a federated algorithm, such as fedAvg()',
).optional();
const speed = field((value) => typeof value === 'function', 'a function (client) => number').optional();
const resultAggregator = field(
  has(['aggregate']),
  'an object with aggregate(round, results), such as meanResultAggregator',
).optional();

const bound = field(isBound, "a number above 0, a multiple such as '10x', both ('10x,25'), or 'none'").optional();
const bounds = z
  .strictObject(
    { updateNormMax: bound, sampleCountMax: bound },
    {
      error: (issue) =>
        issue.code === 'unrecognized_keys' ? undefined : 'it must be an object { updateNormMax, sampleCountMax }',
    },
  )
  .optional();

const planTask = z.strictObject({
  name,
  data: field(has(['spec', 'load']), 'a dataset, such as mnist()'),
  partition: field(has(['partition']), 'a partitioner, such as iid()').optional(),
  model: field(has(['build']), 'a model, such as sequential([dense(10)])'),
  loss: field(has(['check', 'perSample']), 'a loss, such as softmaxCrossEntropy()'),
  metrics: z
    .array(field(isMetric, 'a metric, such as accuracy()'), {
      error: 'it must be a list of metrics, such as [accuracy()]',
    })
    .optional(),
  training: z.strictObject(
    {
      localEpochs: field(isCount, 'a whole number of at least 1'),
      batchSize: field((value) => value === 'all' || isCount(value), "a whole number of at least 1, or 'all'"),
      optimizer: field(
        (value) => has(['update'])(value) && typeof (value as Record<string, unknown>).learningRate === 'number',
        'an optimizer, such as sgd({ learningRate: 0.1 })',
      ),
      shuffle: field((value) => typeof value === 'boolean', 'true or false').optional(),
    },
    {
      error: (issue) =>
        issue.code === 'unrecognized_keys' ? undefined : 'it must be an object { localEpochs, batchSize, optimizer }',
    },
  ),
  speed,
  algorithm,
  resultAggregator,
  bounds,
});

const trainerTask = z.strictObject({
  name,
  trainer: field(
    (value) => typeof value === 'function' && !isClass(value),
    'a function that makes the trainer of a client, such as (client) => new MyTrainer(client)',
  ),
  speed,
  concurrent: field(
    (value) => typeof value === 'boolean' || isCount(value),
    'true, false or how many jobs, at least 1',
  ).optional(),
  algorithm,
  resultAggregator,
  bounds,
});

/** @throws FedloomError `task.definition`: every field at fault, one a line, and how to mend it. */
export function checkDefinition(task: unknown): void {
  if (!isRecord(task)) {
    const problem = `defineTask got ${show(task)}; give it an object { name, data, model, ... }.`;
    throw new FedloomError('task.definition', problem, { problems: [problem] });
  }
  const schema = 'trainer' in task ? trainerTask : planTask;
  const checked = schema.safeParse(task);
  if (checked.success) return;
  const label = typeof task.name === 'string' ? `Task "${task.name}"` : 'The task';
  const problems = checked.error.issues.flatMap((issue) => describe(issue, task, schema));
  const list = problems.length === 1 ? ` ${problems[0]}` : problems.map((problem) => `\n  ${problem}`).join('');
  throw new FedloomError('task.definition', `${label}:${list}`, { problems });
}

function describe(
  issue: z.core.$ZodIssue,
  task: Record<string, unknown>,
  schema: typeof planTask | typeof trainerTask,
): string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(path.length === 0 ? schema.shape : planTask.shape.training.shape);
    return issue.keys.map((key) => {
      const full = [...path, key].join('.');
      const rest = didYouMean(key, known) || ` Known are ${known.join(', ')}.`;
      return `there is no field ${full}${schema === trainerTask ? ' in a task that has a trainer' : ''}.${rest}`;
    });
  }
  const value = path.reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), task);
  const wrap = path.length === 1 && typeof value === 'function' && !isClass(value) ? WRAPPED[path[0] ?? ''] : undefined;
  return [
    `${path.join('.')} ${value === undefined ? 'is missing' : `is ${show(value)}`}; ${issue.message}.${wrap ?? ''}`,
  ];
}

/** What to do with a function that is itself what the field is for. */
const WRAPPED: Readonly<Record<string, string>> = {
  partition: ' A function of your own becomes one by definePartition({ name, partition }).',
  resultAggregator: ' A function of your own becomes one as { aggregate: (round, results) => ... }.',
};

/** A value in a few words. */
function show(value: unknown): string {
  if (isClass(value)) return 'a class';
  // Bundlers number names that occur twice.
  if (typeof value === 'function')
    return `the function ${value.name.replace(/\d+$/, '') || 'without a name'}, not called`;
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value))
    return typeof value.name === 'string' ? `the object "${value.name}"` : 'an object of another kind';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
