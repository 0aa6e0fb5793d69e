/** The worker of a page: it has the connection and ONNX Runtime, and trains. */
import type { GraphBackend } from '@fedloom/engine/run';
import { dialWebSocketBrowser } from '../transport/websocket/dial-browser.js';
import { hostClients } from './host-clients.js';
import { loadRuntime } from './load-runtime.js';
import { errorData, type FromWorker, type PageRequest, sendable, type ToWorker } from './page-messages.js';
import { PagePredictor } from './page-predictor.js';
import { Turns } from './turns.js';

/** What is used of a dedicated worker's global scope. */
interface WorkerScope {
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
  postMessage(message: FromWorker): void;
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
}

/** More threads gain little in the small products of federated models. */
const THREADS_MAX = 4;

const scope = globalThis as unknown as WorkerScope;
const turns = new Turns();
const leaving = new AbortController();
let predictor = new PagePredictor(undefined);
let runtime: Promise<GraphBackend> | undefined;

scope.onmessage = ({ data: message }) => {
  switch (message.type) {
    case 'join':
      void join(message.request).then(answer);
      return;
    case 'predict':
      void predict(message).then(answer);
      return;
    case 'pause':
      return turns.pause();
    case 'resume':
      return turns.resume();
    case 'leave':
      // What is held up by a pause must end too.
      turns.resume();
      return leaving.abort();
  }
};

/** What cannot be handed over is told as an error. */
function answer(message: FromWorker): void {
  try {
    scope.postMessage(message);
  } catch (error) {
    const data = errorData(error);
    scope.postMessage(
      message.type === 'predicted'
        ? { type: 'notPredicted', id: message.id, error: data }
        : { type: 'failed', error: data },
    );
  }
}

async function join(request: PageRequest): Promise<FromWorker> {
  try {
    predictor = new PagePredictor(request.inference);
    runtime = loadRuntime({ threads: threadsHere(), ...request.runtime });
    const backend = await runtime;
    const finish = await hostClients(request, {
      backend,
      turns,
      watcher: predictor,
      dial: dialWebSocketBrowser,
      onEvent: (event) => scope.postMessage({ type: 'event', event: sendable(event) }),
      signal: leaving.signal,
    });
    return { type: 'ended', finish };
  } catch (error) {
    return { type: 'failed', error: errorData(error) };
  }
}

async function predict({ id, x }: ToWorker & { readonly type: 'predict' }): Promise<FromWorker> {
  try {
    const backend = await runtime;
    if (backend === undefined) throw new Error('predict came before join');
    return { type: 'predicted', id, predictions: await predictor.predict(x, backend) };
  } catch (error) {
    return { type: 'notPredicted', id, error: errorData(error) };
  }
}

/** Threads share memory, which only isolated pages may; one core is left to the page. */
function threadsHere(): number {
  const { crossOriginIsolated = false, navigator } = scope;
  if (!crossOriginIsolated) return 1;
  return Math.max(1, Math.min(THREADS_MAX, (navigator?.hardwareConcurrency ?? 2) - 1));
}
