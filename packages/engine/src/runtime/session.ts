/** What the builds of ONNX Runtime for JavaScript have in common, in Node and in browsers: sessions and tensors. */
import type { InferenceSession, Tensor as OrtTensor } from '@fedloom/onnxruntime';
import type { GraphSession } from '../backend.js';
import { FedloomError } from '../errors.js';
import type { DType, NamedTensors, Tensor, TensorData } from '../tensor.js';

/** The runtime's own class of tensors. */
type OrtTensorClass = new (dtype: DType, data: TensorData, shape: readonly number[]) => OrtTensor;

/** @returns `backend.load`, with the runtime's reason */
export function refusedGraph(onnx: Uint8Array, cause: unknown): FedloomError {
  return new FedloomError(
    'backend.load',
    `ONNX Runtime refuses a graph of ${onnx.length} bytes: ${messageOf(cause)}. If the plan came from elsewhere, ` +
      'check that both sides have the same version of fedloom.',
    { bytes: onnx.length },
    { cause },
  );
}

export function openSession(session: InferenceSession, tensorClass: OrtTensorClass): GraphSession {
  return {
    async run(feeds) {
      try {
        return fromOrt(await session.run(toOrt(feeds, tensorClass)));
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

function toOrt(feeds: NamedTensors, tensorClass: OrtTensorClass): Record<string, OrtTensor> {
  const result: Record<string, OrtTensor> = {};
  for (const [name, { dtype, shape, data }] of feeds) result[name] = new tensorClass(dtype, owned(data), shape);
  return result;
}

/** ONNX Runtime refuses memory that threads share: "Invalid argument". */
function owned(data: TensorData): TensorData {
  // Pages that are not isolated have no such memory, and not even its name.
  return typeof SharedArrayBuffer !== 'undefined' && data.buffer instanceof SharedArrayBuffer ? data.slice() : data;
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

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
