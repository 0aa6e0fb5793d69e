import { InferenceSession, Tensor as OrtTensor } from '@fedloom/onnxruntime';
import type { GraphBackend } from '../backend.js';
import { FedloomError } from '../errors.js';
import { type ComputeDevice, deviceOf, type Provider } from '../runtime/device.js';
import { messageOf, openSession, refusedGraph } from '../runtime/session.js';

export interface OnnxRuntimeNodeOptions {
  /** Threads inside one operator. Default 1: sessions in worker threads, one a core, make better use of the cores. */
  readonly threads?: number;
  /** What computes. Default `cpu`; a GPU needs libraries that are not installed with the package: docs/models.md. */
  readonly device?: ComputeDevice;
}

/**
 * ONNX Runtime in this process, on the processor or a GPU. `run` blocks the thread it is called on, so that sessions belong in
 * worker threads wherever anything else must go on. In a worker thread with an environment of its own (not `SHARE_ENV`), the
 * process must have `ORT_DISABLE_TELEMETRY=1`, or ONNX Runtime reports its use to its maker.
 * @throws FedloomError `backend.device` for what is no device; sessions throw it too, where the device cannot be used
 */
export function onnxRuntimeNode(options: OnnxRuntimeNodeOptions = {}): GraphBackend {
  const { threads = 1 } = options;
  const provider = deviceOf(options.device);
  const settings = sessionOptions(threads, provider);
  keepToItself();
  return {
    name: 'onnxruntime-node',
    async warmUp() {
      // It starts, which takes 40 ms, before it looks at what it was given: what is no graph is the shortest.
      await InferenceSession.create(Uint8Array.of(0), settings).catch(() => {});
    },
    async load(onnx) {
      try {
        return openSession(await InferenceSession.create(onnx, settings), OrtTensor);
      } catch (cause) {
        throw deviceRefused(provider, cause) ?? refusedGraph(onnx, cause);
      }
    },
  };
}

/** What to do where ONNX Runtime cannot use a GPU; undefined for what has another cause. */
function deviceRefused(provider: Provider, cause: unknown): FedloomError | undefined {
  if (provider === 'cpu') return undefined;
  const said = messageOf(cause);
  if (!/ExecutionProvider|cuda|cudnn|cublas/i.test(said)) return undefined;
  const device = `cuda:${provider.deviceId}`;
  return new FedloomError(
    'backend.device',
    `ONNX Runtime cannot use ${device} here: ${said}. It needs Linux on x64, an NVIDIA driver, CUDA with cuDNN, and its own libraries for CUDA: ` +
      'docs/models.md says which, and where they belong. Without: leave out --device.',
    { device },
    { cause },
  );
}

/**
 * ONNX Runtime 1.30 reports its use to its maker and writes files into the home, cache and temporary folders for it, unless
 * the environment says otherwise when its first session is made. Whoever has set the variable decides.
 */
function keepToItself(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
}

function sessionOptions(threads: number, provider: Provider): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
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
