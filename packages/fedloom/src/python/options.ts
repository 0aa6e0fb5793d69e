import { FedloomError } from '@fedloom/engine/base';
import { didYouMean } from '../core/closest.js';
import type { ArgumentValue } from './requests.js';

/** Training code in Python: which, with what arguments, on which data, and in which processes. */
export interface PythonTrainerOptions {
  /**
   * The class, as `f.py:MyTrainer` or `package.module:MyTrainer`; a relative file lies beside the task file or in the working
   * folder. Called as FineFL's (`Trainer(model)`, `train(device, args, train_path)`) or as FedML's
   * (`Trainer(model, args)`, `train(train_data, device, args)`), whichever its signatures say.
   */
  readonly trainer: string;
  /** What makes the model, called with the arguments: `f.py:create_model`. Default: the trainer is given None. */
  readonly model?: string;
  /**
   * A class with `aggregate_test_result(round, results)` or `aggregate_result(results)`, where `results` is
   * `{client: {"result": {...}, "sample_number": n}}`. Default: the mean weighted by test samples.
   */
  readonly resultAggregator?: string;
  /** For FedML's trainers: `f.py:load_data`, called with the arguments, which returns FedML's list of data by client. */
  readonly data?: string;
  /**
   * What the code finds in `args`, beside `client_num_in_total` and others that are known. `--set args.lr=0.1` changes one.
   */
  readonly args?: Readonly<Record<string, ArgumentValue>>;
  /** A client's training data; `{rank}` counts from 1, `{index}` from 0. Default `<data_path>/client_{rank}_train`. */
  readonly trainPath?: string;
  /** The same for tests. Default `<data_path>/client_{rank}_test`. */
  readonly testPath?: string;
  /** The server's own test data, where it has some. Default: only clients test. */
  readonly serverTestPath?: string;
  /** Default: the variable FEDLOOM_PYTHON, or `python3`. */
  readonly python?: string;
  /** Python processes at most; results do not depend on it. Default: as many as the run has workers. */
  readonly processes?: number;
  /** Threads of PyTorch and its like in each process; results may depend on it. Default 1. */
  readonly threads?: number;
  /** Each client has an object and a model of its own, which stay in memory, not one of its process. Default: as the class says. */
  readonly perClient?: boolean;
  /** GPUs, as `CUDA_VISIBLE_DEVICES` names them: client i is given the one at i modulo their number. Default: all are visible. */
  readonly gpus?: readonly (number | string)[];
  /** FedML's `gpu_mapping.yaml` in place of `gpus`; `gpu_mapping.yaml:mapping_config1` for a mapping that is not its first. */
  readonly gpuMapping?: string;
  /** What a job may take before its process is ended. Default: as long as the round waits. */
  readonly timeoutMs?: number;
  /** Whether Python's, numpy's and PyTorch's generators are seeded for each job by the run's seed. Default true. */
  readonly seeded?: boolean;
}

type Check = readonly [holds: (value: unknown) => boolean, mustBe: string];

const text: Check = [(value) => typeof value === 'string' && value !== '', 'a text'];
const flag: Check = [(value) => typeof value === 'boolean', 'true or false'];
const count: Check = [(value) => Number.isSafeInteger(value) && (value as number) >= 1, 'a whole number of at least 1'];
const isArgument = (value: unknown): boolean =>
  value === null ||
  ['string', 'number', 'boolean'].includes(typeof value) ||
  (Array.isArray(value) && value.every(isArgument));

const checks: Readonly<Record<keyof PythonTrainerOptions, Check>> = {
  trainer: text,
  model: text,
  resultAggregator: text,
  data: text,
  args: [
    (value) => typeof value === 'object' && value !== null && Object.values(value).every(isArgument),
    'an object of texts, numbers, booleans and lists',
  ],
  trainPath: text,
  testPath: text,
  serverTestPath: text,
  python: text,
  processes: count,
  threads: count,
  perClient: flag,
  gpus: [
    (value) => Array.isArray(value) && value.length > 0 && value.every((gpu) => /^[\w:/-]+$/.test(String(gpu))),
    'a list of GPUs, such as [0, 1]',
  ],
  gpuMapping: text,
  timeoutMs: count,
  seeded: flag,
};

/** @throws FedloomError `python.option`, naming the first option at fault */
export function checkOptions(options: PythonTrainerOptions): void {
  const problem = (option: string, what: string) =>
    new FedloomError('python.option', `pythonTrainer: ${what}`, { option });
  if (typeof options?.trainer !== 'string') {
    throw problem('trainer', "trainer is missing; name the class, such as trainer: 'f.py:MyTrainer'.");
  }
  if (options.gpus !== undefined && options.gpuMapping !== undefined) {
    throw problem('gpuMapping', 'gpuMapping stands in place of gpus: give one of them.');
  }
  for (const [option, value] of Object.entries(options)) {
    const check = checks[option as keyof PythonTrainerOptions];
    if (check === undefined) {
      throw problem(option, `there is no option ${option}.${didYouMean(option, Object.keys(checks))}`);
    }
    if (value !== undefined && !check[0](value)) {
      throw problem(option, `${option} is ${JSON.stringify(value)}; it must be ${check[1]}.`);
    }
  }
}
