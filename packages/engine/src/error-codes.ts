import type { DType } from './tensor.js';

/** Of codes that carry nothing beyond the message. */
export type NoFields = { readonly [name: string]: never };

/** A setting, and the value that it cannot have. */
type OptionFields = { readonly option: string; readonly value: unknown };

/** Extents; names stand for those that are known only when the graph runs. */
type Shape = readonly (number | string)[];

/** An operation that cannot take its operands; `scope` names the layer. */
type OperationFields = { readonly scope: string; readonly operation: string; readonly shapes: readonly Shape[] };

/** Predictions and targets that do not go together; shapes of one sample. */
type FittingFields = {
  readonly predictionShape: readonly number[];
  readonly targetShape: readonly number[];
  readonly classes: number | undefined;
};

/** The errors of the engine: code and fields. Parts of a model add `layer` where they know it, tasks add `task`. */
export interface EngineErrors {
  'backend.device': { readonly device: string };
  'backend.load': { readonly bytes: number };
  'backend.run': NoFields;

  'graph.dtype': OperationFields | { readonly dtype: DType } | { readonly operands: readonly number[] };
  'graph.feed': { readonly name: string };
  'graph.gradient': NoFields;
  'graph.name': { readonly name: string };
  'graph.scope': { readonly scope: string; readonly shape: Shape };
  'graph.value': { readonly scope: string; readonly operation: string };
  'graph.shape': OperationFields | { readonly shape: readonly number[]; readonly length: number };

  /** What somebody's layer, loss, metric or optimiser lacks, or gave that it must not. */
  'layer.definition': { readonly field: string };
  'layer.option': OptionFields & { readonly layer: string };
  'layer.shape': { readonly layer: string; readonly expected: string; readonly inputShape: readonly number[] };
  'loss.definition': { readonly field: string };
  'loss.option': OptionFields;
  'loss.shape': FittingFields;
  'metric.definition': { readonly field: string };
  'metric.matrix': { readonly value: unknown };
  'metric.option': OptionFields;
  'metric.shape': FittingFields;
  'onnx.format': { readonly file: string };
  /** By operator, the places where it stands. */
  'onnx.operators': { readonly file: string; readonly operators: Readonly<Record<string, readonly string[]>> };
  'onnx.parameters': { readonly names: readonly string[] };
  'onnx.size': { readonly bytes: number; readonly most: number };

  'optimizer.definition': { readonly field: string };
  'optimizer.option': OptionFields;

  'plan.busy': NoFields;
  'plan.cancelled': { readonly stepsDone: number; readonly stepsTotal: number };
  'plan.format': { readonly what: string } | { readonly path: string; readonly expected: string };
  'plan.graph': { readonly graph: string };
  'plan.input': { readonly problem: string };
  'plan.limit': { readonly path: string; readonly actual: number; readonly most: number };
  'plan.memory': { readonly graph: string; readonly bytes: number; readonly most: number };
  'plan.option': OptionFields;
  'plan.output': { readonly port: string };
  'plan.released': NoFields;
  'plan.samples': { readonly sampleCount: number };
  'plan.terms':
    | { readonly algorithm: string; readonly slot?: string }
    | { readonly source: string; readonly slot: string | undefined; readonly name: string };
  'plan.version': { readonly version: number };

  'primitive.definition': { readonly primitive: string; readonly field: string };
}
