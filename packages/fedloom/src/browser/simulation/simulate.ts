import { FedloomError } from '@fedloom/engine';
import { whole } from '../../core/option-problems.js';
import type { MessageOptions } from '../../protocol/own-messages.js';
import { type NamedRun, Run } from '../../server/run/run.js';
import { checkRunOptions, type MoreOptions, type RunOptions } from '../../server/run/run-options.js';
import type { RunPlatform } from '../../server/run/run-platform.js';
import { runSimulation } from '../../simulation/run-simulation.js';
import { checkTask } from '../../task/check-task.js';
import type { PlanTask, Task } from '../../task/task.js';
import { folderAddress } from '../addresses.js';
import { sha256 } from '../hashes.js';
import { heldStates } from '../held-states.js';
import type { PageWorker } from '../join-options.js';
import { startWorker } from '../own-worker.js';
import { workerPool } from './worker-pool.js';

declare const Worker: new (url: URL, options: { readonly type: 'module' }) => PageWorker;

/** Each has ONNX Runtime's memory to itself. */
const WORKERS_MAX = 4;
/** WebAssembly ends at 4 GiB, and phones before. */
const MEMORY_BYTES = 1 << 30;

export interface PageSimulateOptions extends Omit<RunOptions, 'journal'> {
  /** Address of the folder on your host with the files of the package onnxruntime-web, relative to the page: `/onnxruntime/`. */
  readonly runtime: string;
  /** `webgpu` runs on the graphics processor what ONNX Runtime has kernels for. Default `wasm`: the processor. */
  readonly device?: 'wasm' | 'webgpu';
  /** Workers that train; results do not depend on it. Default: one core less than there are, up to 4. */
  readonly workers?: number;
  /** Threads inside one operator of each worker, on pages that are cross-origin isolated. Default 1. */
  readonly threads?: number;
  /** Makes a worker, where your bundler does not find the one of this package: `() => new Worker(url, { type: 'module' })`. */
  readonly worker?: () => PageWorker;
  /** Own messages at the clients' side; `messages` and `onPeer` beside it are the server's. */
  readonly clientSide?: MessageOptions;
}

const MORE: MoreOptions<PageSimulateOptions> = {
  runtime: [(value) => typeof value === 'string', "the address of a folder, such as '/onnxruntime/'"],
  device: [(value) => value === 'wasm' || value === 'webgpu', "'wasm' or 'webgpu'"],
  workers: whole(1),
  threads: whole(1),
  worker: true,
  clientSide: true,
};

const pagePlatform: RunPlatform = {
  hash: sha256,
  hashBeside: async (bytes) => sha256(bytes),
  memoryBytes: MEMORY_BYTES,
};

/**
 * Runs a whole federation in a web page, without a server: the server and the client core of a real one, over the memory transport.
 * Workers of the page train; the rest of it is done where this is called.
 *
 * @example for await (const round of simulate(task, { clients: 10, clientsPerRound: 5, rounds: 20, runtime: '/onnxruntime/' })) show(round);
 * @throws FedloomError `task.definition`, `run.options` at once; through the run's `result` `compute.worker-lost` where ONNX Runtime does not
 *   load, and everything else
 */
export function simulate<Name extends string>(
  task: PlanTask<Name>,
  options: PageSimulateOptions,
): NamedRun<Name | 'loss'>;
export function simulate(task: Task, options: PageSimulateOptions): Run;
export function simulate(task: Task, options: PageSimulateOptions): Run {
  checkRunOptions(options, MORE);
  checkPage(options);
  checkTask(task);
  const { runtime, device = 'wasm', threads = 1, workers = workersHere(), worker = planWorker } = options;
  const at = { files: folderAddress(runtime), device, threads };
  const parts = {
    platform: pagePlatform,
    workers,
    pool: () => workerPool(workers, () => startWorker(worker), at),
    states: heldStates,
  };
  return new Run((events, signal) => runSimulation(task, options, { events, signal }, parts), options.signal);
}

/** @throws FedloomError `run.options` */
function checkPage({ runtime, ...given }: Partial<PageSimulateOptions>): void {
  const issues = [
    ...(runtime === undefined
      ? ["runtime is missing; it must be the address of a folder, such as '/onnxruntime/'"]
      : []),
    ...('journal' in given ? ['a page keeps no journal: leave it out'] : []),
  ];
  if (issues.length === 0) return;
  throw new FedloomError('run.options', `These options of the run are not right: ${issues.join('; ')}.`, { issues });
}

function planWorker(): PageWorker {
  return new Worker(new URL('./plan-worker.js', import.meta.url), { type: 'module' });
}

function workersHere(): number {
  const { navigator } = globalThis as { readonly navigator?: { readonly hardwareConcurrency?: number } };
  return Math.max(1, Math.min(WORKERS_MAX, (navigator?.hardwareConcurrency ?? 2) - 1));
}
