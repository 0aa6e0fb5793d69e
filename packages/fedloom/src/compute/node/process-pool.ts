import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { Duplex, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ComputeDevice } from '@fedloom/engine/base';
import { LastLines } from '../../core/last-lines.js';
import { LIFELINE_FD, lifelineMark } from '../../core/node/lifeline.js';
import { wireLimits } from '../../protocol/limits.js';
import type { JobPool } from '../job-pool.js';
import { BatchingPool } from '../workers/batching-pool.js';
import { toChild } from '../workers/child-messages.js';
import { Copies } from '../workers/copies.js';
import type { PoolWorker, WorkReply } from '../workers/pool-worker.js';
import { checkDevice } from './cuda-libraries.js';
import { encodeFrame, FrameReader } from './frames.js';
import { workersAtOnce } from './start-order.js';
import type { PoolParts } from './thread-pool.js';
import { FRAMES_FD, writePieces } from './worker-pipe.js';

/** Of models and data sets that a worker process keeps. */
const COPIES_BYTES_MAX = 512 << 20;
const LINES_KEPT = 12;

interface Asked {
  readonly resolve: (reply: WorkReply) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Child processes of this one, which hold copies of the model and of the data they work on: one that ends, by a fault in
 * native code or for want of memory, takes nothing along. They start at once and end with this process, however it ends.
 * @param workers processes
 * @throws FedloomError `compute.device`, `backend.device`
 */
export function processPool(workers: number, { atOnce = workersAtOnce(), device }: PoolParts = {}): JobPool {
  checkDevice(device);
  return new BatchingPool(workers, () => startChild(device), atOnce);
}

/** One worker process. */
export function startChild(device: ComputeDevice = 'cpu'): PoolWorker {
  const stdio: StdioOptions = ['ignore', 'ignore', 'pipe'];
  stdio[FRAMES_FD] = 'pipe';
  stdio[LIFELINE_FD] = 'pipe';
  const entry = fileURLToPath(new URL('./plan-child.js', import.meta.url));
  return new ChildWorker(spawn(process.execPath, [entry, device], { stdio }));
}

class ChildWorker implements PoolWorker {
  readonly lost: Promise<Error>;
  readonly #child: ChildProcess;
  readonly #pipe: Duplex;
  readonly #lifeline: Writable;
  readonly #copies = new Copies(COPIES_BYTES_MAX);
  readonly #asked: Asked[] = [];
  #ended: Error | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#pipe = child.stdio[FRAMES_FD] as Duplex;
    this.#lifeline = child.stdio[LIFELINE_FD] as Writable;
    // That they break shows in the child's end.
    for (const pipe of [this.#pipe, this.#lifeline]) pipe.on('error', () => {});
    const frames = new FrameReader((reply) => this.#asked.shift()?.resolve(reply as WorkReply), roomBytes);
    this.#pipe.on('data', (piece: Uint8Array) => {
      try {
        frames.push(piece);
      } catch (error) {
        this.#ended ??= error as Error;
        child.kill('SIGKILL');
      }
    });
    const lines = new LastLines(LINES_KEPT);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => lines.add(text));
    this.lost = new Promise((resolve) => {
      const gone = (how: string) => {
        this.#ended ??= new Error([`its process ended with ${how}`, ...lines.all()].join('\n  '));
        for (const { reject } of this.#asked.splice(0)) reject(this.#ended);
        resolve(this.#ended);
      };
      child.once('error', (error) => gone(error.message));
      // Not 'exit': its replies, and lines on stderr, may still be on their way then.
      child.once('close', (code, signal) => gone(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  }

  send(message: Parameters<PoolWorker['send']>[0]): Promise<WorkReply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const pieces = encodeFrame(toChild(message, this.#copies));
      this.#asked.push({ resolve, reject });
      writePieces(this.#pipe, pieces);
    });
  }

  cancel(mark: number): void {
    this.#lifeline.write(lifelineMark(mark));
  }

  async end(): Promise<void> {
    // It holds nothing that must be put in order.
    this.#child.kill('SIGKILL');
    await this.lost;
  }
}

/** Before an update, so that a chunk's header fits there; what other arrays begin with must stay aligned. */
const roomBytes = Math.ceil(wireLimits.chunkHeaderBytes / 8) * 8;
