import { InferenceSession, Tensor as OrtTensor } from '@fedloom/onnxruntime';
import type { Graph } from '../../graph/graph.js';
import type { DType, Tensor, TensorData } from '../../tensor.js';
import { toOnnx } from '../serialize.js';

/** Runs a graph on onnxruntime-node, as its bytes. */
export async function runGraph(graph: Graph, feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
  return runOnnx(toOnnx(graph), feeds);
}

export async function runOnnx(bytes: Uint8Array, feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
  const session = await InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  try {
    const given = [...feeds].filter(([name]) => session.inputNames.includes(name));
    const results = await session.run(
      Object.fromEntries(
        given.map(([name, { dtype, data, shape }]) => [name, new OrtTensor(dtype, data as Float32Array, shape)]),
      ),
    );
    return new Map(
      Object.entries(results).map(([name, result]) => [
        name,
        { dtype: result.type as DType, shape: result.dims, data: result.data as TensorData },
      ]),
    );
  } finally {
    await session.release();
  }
}
