import { FedloomError } from '@fedloom/engine/base';
import type { JoinEvent } from '../client/serve-until-finished.js';
import { expandRanges } from '../core/index-ranges.js';
import type { Predictions } from '../inference/predictor.js';
import type { SamplesInput } from '../inference/samples.js';
import type { Finish } from '../protocol/messages.js';
import { addressOf, folderAddress } from './addresses.js';
import type { PageData } from './given-data.js';
import { checkPageOptions, isData, type PageJoinOptions, type PageWorker } from './join-options.js';
import { lostWorker, startWorker } from './own-worker.js';
import { type FromWorker, type PageRequest, received, type ToWorker } from './page-messages.js';

declare const Worker: new (url: URL, options: { readonly type: 'module' }) => PageWorker;

/** A page that takes part in a federation. */
export interface PageClient {
  /**
   * How the run ended; undefined when the page left.
   * @throws FedloomError `client.no-server`, `browser.runtime`, `browser.worker`, `data.*`, `site.*`, or why the server refuses
   */
  readonly finished: Promise<Finish | undefined>;
  /** Trains no further, from the next call of ONNX Runtime on; the connection stays. The server may replace who is late. */
  pause(): void;
  /** Goes on where `pause` held. */
  resume(): void;
  /**
   * Predicts with the newest model that has come, also when the run is over. Samples are as the task's data set holds them.
   * @throws FedloomError `browser.no-inference`, `browser.no-model`, `browser.inference`, `predict.input`, `browser.left`
   */
  predict(x: SamplesInput): Promise<Predictions>;
  /** Ends the connection and the worker; what is at work is lost. Settles when it is done. */
  leave(): Promise<void>;
}

/**
 * Takes part in a federation from a web page, until it is over: trains the server's plan on data of the page, in a worker. A server lets in
 * pages of its own host, and of the origins that it allows.
 * @param url of the server; pages of `https:` can reach `wss:` alone
 * @throws FedloomError `client.options`, `site.policy`, `browser.worker`
 */
export function joinFederation(url: string, options: PageJoinOptions): PageClient {
  checkPageOptions(url, options);
  return new WorkerClient(url, options);
}

class WorkerClient implements PageClient {
  readonly finished: Promise<Finish | undefined>;
  readonly #worker: PageWorker;
  readonly #onEvent: (event: JoinEvent) => void;
  /** What was asked to predict, by its number. */
  readonly #asked = new Map<number, { resolve(predictions: Predictions): void; reject(error: unknown): void }>();
  #lastAsked = 0;
  #gone = false;
  #leaving = false;
  /** The worker was told of the run. */
  #asksToJoin = false;
  readonly #joined: Promise<void>;
  #resolve: (finish: Finish | undefined) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(url: string, options: PageJoinOptions) {
    this.#onEvent = options.onEvent ?? (() => {});
    const ended = new Promise<Finish | undefined>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#worker = options.worker?.() ?? ownWorker();
    this.finished = ended;
    const keeps = options.inference !== undefined;
    ended.then(
      () => keeps || this.#end(),
      () => this.#end(),
    );
    this.#worker.addEventListener('message', ({ data }: { readonly data: FromWorker }) => this.#receive(data));
    this.#worker.addEventListener('error', (event: { readonly message?: string }) => this.#fail(lostWorker(event)));
    this.#worker.addEventListener('messageerror', () =>
      this.#fail(lostWorker({ message: 'it sent what cannot be read' })),
    );
    this.#joined = requestOf(url, options).then((request) => this.#join(request));
    this.#joined.catch(this.#reject);
  }

  pause(): void {
    this.#tell({ type: 'pause' });
  }

  resume(): void {
    this.#tell({ type: 'resume' });
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    this.#tell({ type: 'leave' });
    // Without a connection there is nothing to take leave of.
    if (!this.#asksToJoin) this.#resolve(undefined);
    await this.finished.catch(() => {});
    this.#end();
  }

  predict(x: SamplesInput): Promise<Predictions> {
    if (this.#gone) return Promise.reject(left());
    this.#lastAsked += 1;
    const id = this.#lastAsked;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      // The worker must know of the run first.
      const asked = this.#joined.then(() => this.#tell({ type: 'predict', id, x }));
      asked.catch((error: unknown) => this.#answered(id)?.reject(plainOnly(error)));
    });
  }

  #join(request: PageRequest): void {
    if (this.#leaving) return;
    try {
      this.#tell({ type: 'join', request });
    } catch (error) {
      throw plainOnly(error);
    }
    this.#asksToJoin = true;
  }

  /** The worker does nothing any more. */
  #fail(error: FedloomError): void {
    this.#reject(error);
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
    this.#end();
  }

  #end(): void {
    this.#gone = true;
    this.#worker.terminate();
    for (const { reject } of this.#asked.values()) reject(left());
    this.#asked.clear();
  }

  #tell(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'event':
        return this.#onEvent(received(message.event));
      case 'ended':
        return this.#resolve(message.finish);
      case 'failed':
        return this.#reject(FedloomError.from(message.error));
      case 'predicted':
        return this.#answered(message.id)?.resolve(message.predictions);
      case 'notPredicted':
        return this.#answered(message.id)?.reject(FedloomError.from(message.error));
    }
  }

  #answered(id: number) {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }
}

async function requestOf(url: string, options: PageJoinOptions): Promise<PageRequest> {
  const { clients, data, runtime, device = 'wasm', threads, inference, worker: _, onEvent: __, ...rest } = options;
  const given = new Map<number, PageData>();
  for (const client of expandRanges(clients)) given.set(client, typeof data === 'function' ? await data(client) : data);
  const lacking = [...given]
    .filter(([, one]) => !isData(one))
    .map(([client]) => `the data of client ${client} are none; give { train: { x, y } }`);
  if (lacking.length > 0) {
    throw new FedloomError('client.options', `joinFederation cannot begin: ${lacking.join('; ')}.`, {
      issues: lacking,
    });
  }
  return {
    ...rest,
    url,
    clients,
    data: given,
    ...(inference !== undefined && { inference: typeof inference === 'string' ? addressOf(inference) : inference }),
    runtime: { files: folderAddress(runtime), device, ...(threads !== undefined && { threads }) },
  };
}

function left(): FedloomError {
  return new FedloomError('browser.left', 'This client has left, and its worker has ended: join again to predict.');
}

function ownWorker(): PageWorker {
  return startWorker(() => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }));
}

/** What cannot be handed to a worker, such as an array that a framework watches, in words of this library. */
function plainOnly(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'DataCloneError') return error;
  const what = `data of the page cannot be handed to its worker (${error.message}); give plain lists or typed arrays, not what a framework watches`;
  return new FedloomError('client.options', `joinFederation cannot go on: ${what}.`, { issues: [what] });
}
