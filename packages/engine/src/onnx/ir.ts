import type { ValueType } from '../graph/value-type.js';
import type { Tensor } from '../tensor.js';
import type { OperatorName } from './operators.js';

/** What fits an ONNX attribute here: an integer, a float (wrapped, since ONNX tells 1 from 1.0), a string, integers. */
export type Attribute = number | { readonly float: number } | string | readonly number[];
export type Attributes = Readonly<Record<string, Attribute>>;

/** A tensor between ONNX nodes. Names come last, when the graph is written. */
export interface OnnxValue extends ValueType {
  /** `undefined`: an input of its scope or a constant. @internal */
  producer: OnnxNode | undefined;
  readonly constant?: Tensor;
  /** A wished name: of the graph's interface, which must keep it. */
  readonly name?: string;
}

export interface OnnxNode {
  readonly op: OperatorName;
  readonly inputs: readonly (OnnxValue | undefined)[];
  readonly outputs: readonly OnnxValue[];
  readonly attributes: Attributes;
  /** Where the node came from ('model/0.dense'), for its name. */
  readonly scope: string;
  /** A Loop's body. */
  readonly body?: OnnxGraph;
}

/** One scope: the main graph or a loop body, which may use values of the scopes around it. */
export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[];
  /** In an order in which they can run. */
  nodes: OnnxNode[];
  outputs: OnnxValue[];
}
