import type { NamedTensors } from '@fedloom/engine';
import type { ClientResults, ResultAggregator } from '../task/result-aggregator.js';
import type {
  TestContext,
  TrainContext,
  Trainer,
  TrainerClient,
  TrainerFactory,
  TrainerSetting,
  TrainResult,
} from '../task/trainer.js';
import { settableArguments } from './arguments.js';
import type { OpenPools } from './open-pools.js';
import { checkOptions, type PythonTrainerOptions } from './options.js';
import type { LoadedModel, PythonPool } from './python-pool.js';
import type { PythonProcess } from './python-process.js';
import type { JobRequest } from './requests.js';
import { foundIn, pathFor } from './targets.js';

/**
 * Trainers in Python for a task: `defineTask({ name, trainer: pythonTrainer({ trainer: 'f.py:MyTrainer', ... }) })`.
 * The class stays as it is. Its code runs in processes of its own, each of which serves many clients; they start when they
 * are needed, and end with the run.
 * @throws FedloomError `python.option` at once; `python.*` when the code is first needed
 */
export function pythonTrainer(options: PythonTrainerOptions): TrainerFactory {
  checkOptions(options);
  let pools: Promise<OpenPools> | undefined;
  const make = async (client: TrainerClient): Promise<Trainer> => {
    // Loaded for who needs it: few tasks do.
    pools ??= import('./open-pools.js').then(({ OpenPools }) => OpenPools.of(options, client));
    const { pool, release } = (await pools).take(client);
    try {
      return new PythonTrainer(options, client, pool, await pool.loaded(), release);
    } catch (error) {
      await release();
      throw error;
    }
  };
  const resultAggregator: ResultAggregator = {
    aggregate: async (round, results) => {
      const pool = (await pools)?.newest;
      // The server's own trainer keeps it open.
      if (pool === undefined) throw new Error('a result is aggregated where no trainer is');
      const clients = [...results].map(([index, { results: result, sampleCount }]) => [
        index,
        { result, sample_number: sampleCount },
      ]);
      const request = { op: 'aggregate', round, results: Object.fromEntries(clients) } as const;
      return (await pool.run(0, (process) => process.ask(request, 'results'))).results;
    },
  };
  return Object.assign(make, {
    settings: [
      ...settableArguments(options).map((name) => `args.${name}`),
      ...SETTABLE.map((option) => `trainer.${option}`),
    ],
    with: (path: string, value: TrainerSetting) => {
      const [area, name] = [path.slice(0, path.indexOf('.')), path.slice(path.indexOf('.') + 1)];
      if (area === 'args') return pythonTrainer({ ...options, args: { ...options.args, [name]: value } });
      return pythonTrainer({ ...options, [name]: value });
    },
    files: (folder: string) => codeFiles(options, [folder, process.cwd()]),
    // One more than work at a time: its parameters are at hand when a process is free.
    concurrent: options.processes === undefined ? true : options.processes + 1,
    ownProcesses: true,
    ...(options.resultAggregator !== undefined && { resultAggregator }),
  });
}

/** The files of what it names by file, not by module. */
function codeFiles(
  { trainer, model, resultAggregator, data }: PythonTrainerOptions,
  folders: readonly string[],
): string[] {
  const places = [trainer, model, resultAggregator, data].flatMap(
    (target) => target?.slice(0, target.lastIndexOf(':')) ?? [],
  );
  return places.filter((place) => place.endsWith('.py')).map((file) => foundIn(file, folders));
}

/** Options that have to do with where a process runs, and not with what it learns. */
const SETTABLE: readonly (keyof PythonTrainerOptions)[] = [
  'trainPath',
  'testPath',
  'serverTestPath',
  'python',
  'processes',
  'threads',
  'timeoutMs',
];

const NO_RESULTS: ClientResults = { results: {}, sampleCount: 0 };

/** One client's part: what it does is done by a process that has a turn for it. It keeps nothing between its jobs. */
class PythonTrainer implements Trainer {
  readonly buffers: readonly string[];
  readonly keepsState: boolean;
  /** Until the job that they are for. */
  #given: NamedTensors | undefined;
  /** Until they are asked for. */
  #trained: NamedTensors | undefined;

  constructor(
    private readonly options: PythonTrainerOptions,
    private readonly client: TrainerClient,
    private readonly pool: PythonPool,
    private readonly model: LoadedModel,
    readonly close: () => Promise<void>,
  ) {
    this.buffers = model.buffers;
    this.keepsState = model.keepsState;
  }

  /** Those of the last training, once; else as the model is first. They are those of the process's next job after that. */
  getModelParams(): NamedTensors {
    const params = this.#trained ?? this.model.params;
    this.#trained = undefined;
    return params;
  }

  setModelParams(params: NamedTensors): void {
    this.#given = params;
  }

  train(context: TrainContext): Promise<TrainResult> {
    const { signal, state: before } = context;
    return this.#run(signal, async (process) => {
      const request = this.#request('train', process, context);
      const { params, state, sampleCount, facts } = await process.ask(request, this.#label);
      this.#trained = process.file.read(params, 'params');
      const kept = process.file.read(state, 'state');
      const { stepCount, meanLoss, ...others } = facts;
      return {
        sampleCount,
        facts: others,
        // An empty one too, where it takes the place of another.
        ...((kept.size > 0 || before.size > 0) && { state: kept }),
        ...(stepCount !== undefined && { stepCount }),
        ...(meanLoss !== undefined && { meanLoss }),
      };
    });
  }

  async test(context: TestContext): Promise<ClientResults> {
    if (this.client.index < 0 && this.options.serverTestPath === undefined) {
      this.#given = undefined;
      return NO_RESULTS;
    }
    return this.#run(context.signal, (process) => process.ask(this.#request('test', process, context), this.#label));
  }

  get #label(): string {
    return this.client.index < 0 ? 'server' : `client ${this.client.index}`;
  }

  #run<T>(signal: AbortSignal, work: (process: PythonProcess) => Promise<T>): Promise<T> {
    return this.pool.run(Math.max(0, this.client.index), work, signal);
  }

  #request<Op extends 'train' | 'test'>(op: Op, process: PythonProcess, context: TestContext): JobRequest<Op> {
    const { random, state } = context;
    const { places, end: stateAt } = process.file.write(this.#given ?? this.model.params, 0);
    this.#given = undefined;
    const { places: statePlaces, end } = process.file.write(state, stateAt);
    const seed = this.options.seeded === false ? null : random.uint32();
    return {
      op,
      client: this.client.index,
      path: this.#pathOf(op),
      seed,
      params: places,
      state: statePlaces,
      out: end,
    };
  }

  #pathOf(split: 'train' | 'test'): string {
    const { index, dataDir = './data' } = this.client;
    const { trainPath, testPath, serverTestPath, args } = this.options;
    const template = split === 'train' ? trainPath : index < 0 ? serverTestPath : testPath;
    return pathFor(template ?? `${args?.data_path ?? dataDir}/client_{rank}_${split}`, index);
  }
}
