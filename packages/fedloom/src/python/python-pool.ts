import { FedloomError, type NamedTensors } from '@fedloom/engine/base';
import { PythonProcess, type PythonProcessOptions } from './python-process.js';
import type { LoadRequest } from './requests.js';

export interface PythonPoolOptions {
  /** What a process of a lane is started with. */
  readonly processOf: (lane: number) => PythonProcessOptions;
  readonly load: LoadRequest;
  /** Kinds of processes: a job goes to one of its own. */
  readonly lanes: number;
  /** Processes of a lane at most; jobs start them when they need them. */
  readonly processesPerLane: number;
  /** What a job may take; null: any time. */
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

interface Lane {
  /** Loaded, and without work. */
  readonly idle: PythonProcess[];
  readonly waiting: (() => void)[];
  /** Jobs that have their turn. */
  busy: number;
}

/** The Python processes of a run, each with the user's trainer loaded. One that ends costs its job, and is replaced. */
export class PythonPool {
  readonly #lanes: readonly Lane[];
  readonly #processes = new Set<PythonProcess>();
  #model: LoadedModel | undefined;
  #closed = false;

  constructor(private readonly options: PythonPoolOptions) {
    this.#lanes = Array.from({ length: options.lanes }, () => ({ idle: [], waiting: [], busy: 0 }));
  }

  /** What a process found when it loaded the trainer; starts one if none has. @throws FedloomError as `run` */
  async loaded(): Promise<LoadedModel> {
    if (this.#model === undefined) await this.run(0, async () => {});
    return this.#model as LoadedModel;
  }

  /**
   * Has a process of the lane work. When the signal aborts, or the work takes too long, the process is ended, and another
   * takes its place for the next work.
   * @throws FedloomError `client.cancelled`, `python.*`, `store.*`, and what `work` throws
   */
  async run<T>(lane: number, work: (process: PythonProcess) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const place = this.#lanes[lane % this.#lanes.length] as Lane;
    await this.#turn(place, signal);
    let process: PythonProcess | undefined;
    const kill = (why: FedloomError) => process?.kill(why);
    const cancel = () => kill(cancelled());
    const { timeoutMs } = this.options;
    const timer = timeoutMs === null ? undefined : setTimeout(() => kill(timedOut(timeoutMs)), timeoutMs);
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      if (signal?.aborted || this.#closed) throw cancelled();
      process = place.idle.pop() ?? this.#start(lane);
      if (!this.#processes.has(process)) await this.#load(process);
      return await work(process);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      if (process?.isAlive && this.#processes.has(process)) place.idle.push(process);
      place.busy -= 1;
      place.waiting.shift()?.();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const processes = [...this.#processes];
    for (const process of processes) process.kill(cancelled());
    await Promise.all(processes.map(({ ended }) => ended));
  }

  #start(lane: number): PythonProcess {
    return new PythonProcess(this.options.processOf(lane % this.#lanes.length));
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

  #turn(place: Lane, signal: AbortSignal | undefined): Promise<void> {
    const begin = () => {
      place.busy += 1;
    };
    if (place.busy < this.options.processesPerLane) {
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
        place.waiting.splice(place.waiting.indexOf(start), 1);
        reject(cancelled());
      };
      place.waiting.push(start);
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
