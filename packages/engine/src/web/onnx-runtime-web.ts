import type { Env, InferenceSession, Tensor } from '@fedloom/onnxruntime';
import type { GraphBackend } from '../backend.js';
import { openSession, refusedGraph } from '../runtime/session.js';
import { processorNodes } from './processor-nodes.js';

/** What is used of the module `onnxruntime-web`. */
export interface OnnxRuntimeWeb {
  readonly InferenceSession: {
    create(onnx: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: typeof Tensor;
  readonly env: Env;
}

export interface OnnxRuntimeWebOptions {
  /** Folder of the runtime's `.mjs` and `.wasm` files, as an address that ends with a slash. Default: beside its module. */
  readonly files?: string;
  /** Threads inside one operator. More than one need a page that is cross-origin isolated. Default 1. */
  readonly threads?: number;
  /** `webgpu` needs the build of the runtime that has it, and an adapter. Default `wasm`. */
  readonly device?: 'wasm' | 'webgpu';
}

/**
 * ONNX Runtime in a browser. The module is the caller's to load, from wherever its files are. With `wasm`, `run` blocks the thread
 * it is called on: call it in a worker.
 */
export function onnxRuntimeWeb(runtime: OnnxRuntimeWeb, options: OnnxRuntimeWebOptions = {}): GraphBackend {
  const { files, threads = 1, device = 'wasm' } = options;
  const { wasm } = runtime.env;
  wasm.numThreads = threads;
  if (files !== undefined) wasm.wasmPaths = files;
  const alone = oneAtATime();
  return {
    name: `onnxruntime-web (${device})`,
    async load(onnx) {
      const create = () => runtime.InferenceSession.create(onnx, sessionOptions(device, onnx));
      try {
        const { run, release } = openSession(await alone(create), runtime.Tensor);
        return { run: (feeds) => alone(() => run(feeds)), release: () => alone(() => release()) };
      } catch (cause) {
        throw refusedGraph(onnx, cause);
      }
    },
  };
}

/** With WebGPU the runtime refuses what comes while it makes or runs a session. */
function oneAtATime(): <T>(act: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (act) => {
    const done = last.then(act);
    last = done.catch(() => {});
    return done;
  };
}

function sessionOptions(device: 'wasm' | 'webgpu', onnx: Uint8Array): InferenceSession.SessionOptions {
  return {
    // What WebGPU has no kernel for runs on the processor.
    executionProviders: device === 'webgpu' ? [webGpu(onnx), 'wasm'] : ['wasm'],
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // Patterns are planned for each shape of input anew, and keep memory, as in Node.
    enableMemPattern: false,
    logSeverityLevel: 3,
  };
}

function webGpu(onnx: Uint8Array): InferenceSession.ExecutionProviderConfig {
  const onProcessor = processorNodes(onnx);
  // An empty list is an option without a value, which the runtime refuses.
  return onProcessor.length === 0 ? 'webgpu' : { name: 'webgpu', forceCpuNodeNames: onProcessor };
}
