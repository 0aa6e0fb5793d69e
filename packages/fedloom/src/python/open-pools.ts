import { availableParallelism } from 'node:os';
import type { TrainerClient } from '../task/trainer.js';
import { argumentsFor } from './arguments.js';
import { type GpuPlaces, gpusInTurn, mappedGpus } from './gpu-places.js';
import type { PythonTrainerOptions } from './options.js';
import { PythonPool } from './python-pool.js';
import { parseTarget } from './targets.js';

interface Open {
  readonly pool: PythonPool;
  users: number;
}

/** The pools of one `pythonTrainer`: all clients of a run in this process, and its server, share one. */
export class OpenPools {
  readonly #open = new Map<string, Open>();

  private constructor(
    private readonly options: PythonTrainerOptions,
    private readonly places: GpuPlaces,
  ) {}

  /** @param first who needs them first: its task file says where files are @throws FedloomError `python.gpu-mapping` */
  static async of(options: PythonTrainerOptions, first: TrainerClient): Promise<OpenPools> {
    const { gpus, gpuMapping } = options;
    const mapped = gpuMapping === undefined ? gpusInTurn(gpus) : await mappedGpus(gpuMapping, foldersOf(first));
    return new OpenPools(options, mapped);
  }

  /** To be released as often as it is taken: the last one closes the pool. */
  take(client: TrainerClient): { readonly pool: PythonPool; readonly release: () => Promise<void> } {
    const key = JSON.stringify([client.seed, client.clients, client.dataDir]);
    const open = this.#open.get(key) ?? { pool: openPool(this.options, client, this.places), users: 0 };
    this.#open.set(key, open);
    open.users += 1;
    let released = false;
    const release = async () => {
      if (released) return;
      released = true;
      open.users -= 1;
      if (open.users > 0) return;
      this.#open.delete(key);
      await open.pool.close();
    };
    return { pool: open.pool, release };
  }

  /** The one that was opened last: what it answers depends on no run. */
  get newest(): PythonPool | undefined {
    return [...this.#open.values()].at(-1)?.pool;
  }
}

function foldersOf({ folder }: TrainerClient): string[] {
  return [...(folder === undefined ? [] : [folder]), process.cwd()];
}

function openPool(options: PythonTrainerOptions, client: TrainerClient, { gpus, placeOf }: GpuPlaces): PythonPool {
  const { processes = availableParallelism(), threads = 1, perClient = false, timeoutMs = null } = options;
  const { python = process.env.FEDLOOM_PYTHON ?? 'python3', trainer, model, resultAggregator, data } = options;
  const folders = foldersOf(client);
  const target = (text: string | undefined, option: string) =>
    text === undefined ? null : parseTarget(text, option, folders);
  const log = client.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  return new PythonPool({
    places: gpus.length,
    placeOf,
    processesPerPlace: Math.ceil(processes / gpus.length),
    timeoutMs,
    processOf: (place) => ({
      python,
      env: environment(threads, gpus[place]),
      log: (label, line) => log(`${label || 'python'}: ${line}`),
    }),
    load: {
      op: 'load',
      trainer: parseTarget(trainer, 'trainer', folders),
      model: target(model, 'model'),
      aggregator: target(resultAggregator, 'resultAggregator'),
      data: target(data, 'data'),
      args: argumentsFor(options, client),
      seed: client.seed,
      perClient,
      threads,
    },
  });
}

function environment(threads: number, gpu: string | undefined): NodeJS.ProcessEnv {
  const count = String(threads);
  return {
    ...process.env,
    OMP_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    // Sets of texts have one order.
    PYTHONHASHSEED: process.env.PYTHONHASHSEED ?? '0',
    ...(gpu !== undefined && { CUDA_VISIBLE_DEVICES: gpu }),
  };
}
