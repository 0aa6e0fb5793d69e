import { InferenceSession, Tensor as OrtTensor } from '@fedloom/onnxruntime';
import type { GraphBackend } from '../backend.js';
import { openSession, refusedGraph } from '../runtime/session.js';

export interface OnnxRuntimeNodeOptions {
  /** Threads inside one operator. Default 1: sessions in worker threads, one a core, make better use of the cores. */
  readonly threads?: number;
}

/**
 * ONNX Runtime on the processor, in this process. `run` blocks the thread it is called on, so that sessions belong in
 * worker threads wherever anything else must go on. In a worker thread with an environment of its own (not `SHARE_ENV`), the
 * process must have `ORT_DISABLE_TELEMETRY=1`, or ONNX Runtime reports its use to its maker.
 */
export function onnxRuntimeNode(options: OnnxRuntimeNodeOptions = {}): GraphBackend {
  const { threads = 1 } = options;
  keepToItself();
  return {
    name: 'onnxruntime-node',
    async warmUp() {
      // It starts, which takes 40 ms, before it looks at what it was given: what is no graph is the shortest.
      await InferenceSession.create(Uint8Array.of(0), sessionOptions(threads)).catch(() => {});
    },
    async load(onnx) {
      try {
        return openSession(await InferenceSession.create(onnx, sessionOptions(threads)), OrtTensor);
      } catch (cause) {
        throw refusedGraph(onnx, cause);
      }
    },
  };
}

/**
 * ONNX Runtime 1.30 reports its use to its maker and writes files into the home, cache and temporary folders for it, unless
 * the environment says otherwise when its first session is made. Whoever has set the variable decides.
 */
function keepToItself(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
}

function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableCpuMemArena: true,
    // Patterns are planned for each shape of input anew and keep 1.7 times the memory, at no gain in speed.
    enableMemPattern: false,
    logSeverityLevel: 3,
    // Spinning threads would take the cores from the other workers' sessions.
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
  };
}
