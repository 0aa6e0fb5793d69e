import { FedloomError } from '../errors.js';
import { stepsPerCallMax } from './call-sizer.js';
import { readGraph, refusedGraph } from './check-onnx.js';
import { graphMemory } from './graph-memory.js';
import { laidOutBytes } from './laid-out.js';
import type { PlanManifest, TrainingPlan } from './manifest.js';
import type { GraphKind } from './ports.js';
import type { OnnxGraphFile } from './read-onnx.js';

/** What a plan from outside may take of this machine. */
export interface PlanMemoryLimits {
  /** Bytes of tensors at one time, in each worker. */
  readonly bytesMax: number;
  /** How often a node may run within one call into the runtime, which nothing can interrupt. */
  readonly nodeRunsMax: number;
}

/** Samples of clients that are trained or evaluated together, unless one alone has more. */
const TOGETHER_MAX = 2000;

export const defaultPlanMemoryLimits: PlanMemoryLimits = { bytesMax: 4 * 2 ** 30, nodeRunsMax: 1e8 };

/** What a plan takes when it runs: worked out from the shapes in its graphs, before any of them is loaded. */
export class PlanMemory {
  readonly #graphs: ReadonlyMap<GraphKind, OnnxGraphFile>;
  readonly #allowed = new Set<string>();

  constructor(
    private readonly plan: TrainingPlan,
    private readonly limits: PlanMemoryLimits = defaultPlanMemoryLimits,
  ) {
    const kinds: readonly GraphKind[] = ['train', 'evaluate', 'finish'];
    this.#graphs = new Map(
      kinds.flatMap((kind) => {
        const bytes = plan[kind];
        return bytes === undefined ? [] : [[kind, readGraph(kind, bytes)] as const];
      }),
    );
  }

  /**
   * Refuses a plan that takes more than it may: for so many samples of one client, in batches as it says.
   * @param sampleCount at least 1
   * @throws FedloomError `plan.memory`, `plan.limit`, `plan.graph`
   */
  check(kind: GraphKind, sampleCount: number): void {
    const graph = this.#graphs.get(kind);
    const key = `${kind}/${sampleCount}`;
    if (graph === undefined || this.#allowed.has(key)) return;
    const extents = extentsOf(this.plan.manifest, kind, sampleCount);
    const { bytes, peak, nodeRuns } = measured(kind, graph, extents);
    const { bytesMax, nodeRunsMax } = this.limits;
    const run = `${extents.n} samples in ${extents.steps} steps of ${extents.batch}`;
    if (!(bytes <= bytesMax)) {
      throw new FedloomError(
        'plan.memory',
        `The plan's ${kind} graph takes ${bytes} bytes at one time for ${run}, and ${bytesMax} are allowed: most at ${peak || 'its constants'}. ` +
          'Raise the limit (--max-plan-memory) where this machine has the memory and you trust where the plan comes from.',
        { graph: kind, bytes, most: bytesMax },
      );
    }
    if (!(nodeRuns <= nodeRunsMax)) {
      throw new FedloomError(
        'plan.limit',
        `The plan's ${kind} graph runs its nodes ${nodeRuns} times in one call for ${run}, and ${nodeRunsMax} are allowed: a call cannot be ` +
          'interrupted. Use plans of servers you trust, made by this fedloom.',
        { path: kind, actual: nodeRuns, most: nodeRunsMax },
      );
    }
    this.#allowed.add(key);
  }
}

function measured(kind: GraphKind, graph: OnnxGraphFile, extents: Readonly<Record<string, number>>) {
  try {
    return graphMemory(graph, extents);
  } catch (cause) {
    throw refusedGraph(kind, cause);
  }
}

/**
 * What stands for the symbols of a graph's inputs, in the largest call that a runner makes of it. Small clients are trained and
 * evaluated together, so that there may be more samples than one of them has; batches are those of one.
 */
function extentsOf(manifest: PlanManifest, kind: GraphKind, sampleCount: number) {
  const { training, evaluation } = manifest;
  const wished = kind === 'evaluate' ? evaluation.batchSize : training.batchSize;
  const batch = wished === 'all' ? sampleCount : Math.min(sampleCount, wished);
  const epochs = kind === 'train' ? training.localEpochs : 1;
  const stepsMax = stepsPerCallMax(laidOutBytes(manifest, kind) * batch);
  return {
    n: Math.max(sampleCount, TOGETHER_MAX),
    steps: Math.min(epochs * Math.ceil(sampleCount / batch), stepsMax),
    batch,
  };
}
