import type { NamedTensors, Tensor } from './tensor.js';

/** Loads ONNX graphs for one kind of device. Implementations: `node/` for onnxruntime-node, `web/` for onnxruntime-web. */
export interface GraphBackend {
  readonly name: string;
  /** Starts the runtime ahead of the first graph, where that takes time. What goes wrong shows when a graph is loaded. */
  warmUp?(): Promise<void>;
  /** @throws FedloomError `backend.load` when the runtime refuses the graph. */
  load(onnx: Uint8Array): Promise<GraphSession>;
}

/**
 * A loaded graph. The session borrows `feeds` until the promise settles and owns nothing of them afterwards; the caller
 * owns the results. Calls on one session must not overlap. `run` may block its thread.
 */
export interface GraphSession {
  run(feeds: NamedTensors): Promise<Map<string, Tensor>>;
  release(): Promise<void>;
}
