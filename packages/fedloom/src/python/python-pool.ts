import { FedloomError, type NamedTensors } from '@fedloom/engine/base';
import { PythonProcess, type PythonProcessOptions } from './python-process.js';
import type { LoadRequest } from './requests.js';

export interface PythonPoolOptions {
  /** What a process is started with. @param place from 0, below `places` */
  readonly processOf: (place: number) => PythonProcessOptions;
  readonly load: LoadRequest;
  /** Kinds of processes, such as one for each GPU. */
  readonly places: number;
  /** Which kind works for a client. */
  readonly placeOf: (client: number) => number;
  /** Processes of a kind at most; jobs start them when they need them. */
  readonly processesPerPlace: number;
  /** What a job may take, once its process is ready; null: any time. */
  readonly timeoutMs: number | null;
}

/** The user's trainer as it is first. */
export interface LoadedModel {
  readonly params: NamedTensors;
  /** Names of those that are buffers of the model. */
  readonly buffers: readonly string[];
  /** Some of the model does not travel. */
  readonly keepsState: boolean;
  readonly perClient: boolean;
}

/** Processes of which any may do a job. */
interface Lane {
  /** Loaded, and without work. */
  readonly idle: PythonProcess[];
  readonly waiting: (() => void)[];
  /** Jobs that have their turn. */
  busy: number;
}

/** The Python processes of a run, each with the user's trainer loaded. One that ends costs its job, and is replaced. */
export class PythonPool {
  readonly #lanes = new Map<number, Lane>();
  readonly #processes = new Set<PythonProcess>();
  #model: LoadedModel | undefined;
  #closed = false;

  constructor(private readonly options: PythonPoolOptions) {}

  /** What a process found when it loaded the trainer; starts one if none has. @throws FedloomError as `run` */
  async loaded(): Promise<LoadedModel> {
    if (this.#model === undefined) await this.run(0, async () => {});
    return this.#model as LoadedModel;
  }

  /**
   * Has a process work for a client. When the signal aborts, or the work takes too long, the process is ended, and another
   * takes its place for the next work.
   * @throws FedloomError `client.cancelled`, `python.*`, `store.*`, and what `work` throws
   */
  async run<T>(client: number, work: (process: PythonProcess) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const lane = this.#laneOf(client);
    await this.#turn(lane, signal);
    let process: PythonProcess | undefined;
    const kill = (why: FedloomError) => process?.kill(why);
    const cancel = () => kill(cancelled());
    const { timeoutMs } = this.options;
    let timer: NodeJS.Timeout | undefined;
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      if (signal?.aborted || this.#closed) throw cancelled();
      process = lane.idle.pop() ?? new PythonProcess(this.options.processOf(this.options.placeOf(client)));
      if (!this.#processes.has(process)) await this.#load(process);
      if (timeoutMs !== null) timer = setTimeout(() => kill(timedOut(timeoutMs)), timeoutMs);
      return await work(process);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      if (process?.isAlive && this.#processes.has(process)) lane.idle.push(process);
      lane.busy -= 1;
      lane.waiting.shift()?.();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const processes = [...this.#processes];
    for (const process of processes) process.kill(cancelled());
    await Promise.all(processes.map(({ ended }) => ended));
  }

  #laneOf(client: number): Lane {
    const { places, placeOf, processesPerPlace } = this.options;
    // Objects of a client's own are in one process.
    const own = this.#model?.perClient ? Math.floor(client / places) % processesPerPlace : 0;
    const at = placeOf(client) + places * own;
    const lane = this.#lanes.get(at) ?? { idle: [], waiting: [], busy: 0 };
    this.#lanes.set(at, lane);
    return lane;
  }

  async #load(process: PythonProcess): Promise<void> {
    this.#processes.add(process);
    void process.ended.then(() => this.#processes.delete(process));
    try {
      const { params, buffers, perClient, private: kept } = await process.ask(this.options.load, '');
      this.#model ??= { params: process.file.read(params), buffers, keepsState: kept.length > 0, perClient };
    } catch (error) {
      this.#processes.delete(process);
      process.kill(cancelled());
      throw error;
    }
  }

  #turn(lane: Lane, signal: AbortSignal | undefined): Promise<void> {
    const begin = () => {
      lane.busy += 1;
    };
    if (lane.busy < (this.#model?.perClient ? 1 : this.options.processesPerPlace)) {
      begin();
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const start = () => {
        signal?.removeEventListener('abort', leave);
        begin();
        resolve();
      };
      const leave = () => {
        lane.waiting.splice(lane.waiting.indexOf(start), 1);
        reject(cancelled());
      };
      lane.waiting.push(start);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}

function cancelled(): FedloomError {
  return new FedloomError('client.cancelled', 'The job was cancelled: its Python process is not needed any more.');
}

function timedOut(timeoutMs: number): FedloomError {
  const message = `It took longer than ${timeoutMs / 1000} s, which the option timeoutMs allows: its Python process was ended.`;
  return new FedloomError('python.timeout', message, { timeoutMs });
}
