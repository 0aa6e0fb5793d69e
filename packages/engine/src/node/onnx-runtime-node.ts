import { InferenceSession, Tensor as OrtTensor } from '@fedloom/onnxruntime';
import type { GraphBackend, GraphSession } from '../backend.js';
import { FedloomError } from '../errors.js';
import type { DType, NamedTensors, Tensor, TensorData } from '../tensor.js';

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
        return openSession(await InferenceSession.create(onnx, sessionOptions(threads)));
      } catch (cause) {
        throw new FedloomError(
          'backend.load',
          `ONNX Runtime refuses a graph of ${onnx.length} bytes: ${messageOf(cause)}. If the plan came from elsewhere, ` +
            'check that both sides have the same version of fedloom.',
          { bytes: onnx.length },
          { cause },
        );
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

function openSession(session: InferenceSession): GraphSession {
  return {
    async run(feeds) {
      try {
        return fromOrt(await session.run(toOrt(feeds)));
      } catch (cause) {
        throw new FedloomError(
          'backend.run',
          noSuchRow(messageOf(cause)) ?? `ONNX Runtime failed to run a graph: ${messageOf(cause)}.`,
          {},
          { cause },
        );
      }
    },
    release: () => session.release(),
  };
}

function toOrt(feeds: NamedTensors): Record<string, OrtTensor> {
  const result: Record<string, OrtTensor> = {};
  for (const [name, { dtype, shape, data }] of feeds) result[name] = new OrtTensor(dtype, owned(data), shape);
  return result;
}

/** ONNX Runtime refuses memory that threads share: "Invalid argument". */
function owned(data: TensorData): TensorData {
  return data.buffer instanceof SharedArrayBuffer ? data.slice() : data;
}

function fromOrt(results: InferenceSession.OnnxValueMapType): Map<string, Tensor> {
  return new Map(
    Object.entries(results).map(([name, value]) => {
      const tensor: Tensor = { dtype: value.type as DType, shape: value.dims, data: value.data as TensorData };
      return [name, tensor];
    }),
  );
}

/** Of data whose numbers are rows of a table that has no such row: what a graph cannot know before it runs. */
function noSuchRow(message: string): string | undefined {
  const [, row, last] = /idx=(-?\d+) must be within the inclusive range \[-?\d+,(\d+)\]/.exec(message) ?? [];
  if (row === undefined || last === undefined) return undefined;
  const said = Number(row) === Number(last) + 1 ? `${row} or a number below 0` : row;
  return (
    `x holds the token ${said}, but the embedding has rows 0 to ${last}: give it a vocabularySize above the largest token, ` +
    'or mend the data.'
  );
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
