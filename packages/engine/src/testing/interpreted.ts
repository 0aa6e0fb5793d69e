import type { GraphBackend } from '../backend.js';
import type { Graph } from '../graph/graph.js';
import type { PlanGraphs } from '../plan/compile.js';
import type { TrainingPlan } from '../plan/manifest.js';
import { interpret } from '../reference/interpret.js';
import type { Tensor } from '../tensor.js';

/** A back end that computes a plan's own graphs in float64 and rounds what comes out to float32. Slow. */
export function interpretedBackend(plan: TrainingPlan, graphs: PlanGraphs): GraphBackend {
  return {
    name: 'interpreter',
    async load(onnx) {
      const graph = onnx === plan.train ? graphs.train : onnx === plan.evaluate ? graphs.evaluate : graphs.finish!;
      return {
        run: async (feeds) =>
          new Map([...interpret(graph as Graph, feeds)].map(([name, tensor]) => [name, rounded(tensor)])),
        release: async () => {},
      };
    },
  };
}

function rounded({ shape, data, dtype }: Tensor): Tensor {
  return dtype === 'float64'
    ? { dtype: 'float32', shape, data: Float32Array.from(data as Float64Array) }
    : { dtype, shape, data };
}
