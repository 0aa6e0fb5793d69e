import { PbfWriter } from 'pbf';
import type { Tensor } from '../tensor.js';
import { onnxElementType } from './element-types.js';
import type { Attribute, OnnxGraph, OnnxNode, OnnxValue } from './ir.js';
import { opset } from './operators.js';

const irVersion = 10;

/** AttributeProto.AttributeType */
const attributeType = { float: 1, integer: 2, string: 3, graph: 5, integers: 7 } as const;

/** Writes a model (onnx.proto, ModelProto). Numbers in calls are the field numbers of that file. */
export function writeModel(graph: OnnxGraph, outputNames: readonly string[], name: string): Uint8Array {
  const writer = new PbfWriter();
  writer.writeVarintField(1, irVersion);
  writer.writeStringField(2, 'fedloom');
  writer.writeMessage(7, (_, pbf) => new GraphWriter(graph, outputNames).write(name, pbf), null);
  writer.writeMessage(8, (_, pbf) => pbf.writeVarintField(2, opset), null);
  return writer.finish();
}

class GraphWriter {
  readonly #names = new Map<OnnxValue, string>();
  readonly #constants: OnnxValue[] = [];
  #next = 0;
  #nodes = 0;

  constructor(
    readonly graph: OnnxGraph,
    readonly outputNames: readonly string[],
  ) {
    const reserved = new Set([...graph.inputs.map((value) => value.name), ...outputNames]);
    this.#fresh = () => {
      let name: string;
      do name = `v${this.#next++}`;
      while (reserved.has(name));
      return name;
    };
  }

  readonly #fresh: () => string;

  write(name: string, pbf: PbfWriter): void {
    for (const input of this.graph.inputs) this.#names.set(input, input.name!);
    this.#writeScope(this.graph, name, this.outputNames, pbf);
    for (const value of this.#constants) {
      pbf.writeMessage(5, (tensor, inner) => writeTensor(tensor, this.#names.get(value)!, inner), value.constant!);
    }
  }

  /** Nodes, inputs and outputs; an output of a scope must be made by a node in it, once: else it is copied. */
  #writeScope(graph: OnnxGraph, name: string, outputNames: readonly string[] | undefined, pbf: PbfWriter): void {
    const own = new Set(graph.nodes.flatMap((node) => node.outputs));
    const copies: { readonly from: OnnxValue; readonly to: string }[] = [];
    const taken = new Set<OnnxValue>();
    const names = graph.outputs.map((value, index) => {
      const direct = own.has(value) && !taken.has(value);
      const outputName = outputNames?.[index] ?? this.#fresh();
      taken.add(value);
      if (direct) this.#names.set(value, outputName);
      else copies.push({ from: value, to: outputName });
      return outputName;
    });
    const used = usedValues(graph);
    for (const node of graph.nodes) pbf.writeMessage(1, (_, inner) => this.#writeNode(node, used, inner), null);
    for (const { from, to } of copies) {
      pbf.writeMessage(1, (_, inner) => this.#writeCopy(from, to, inner), null);
    }
    pbf.writeStringField(2, name);
    for (const input of graph.inputs) {
      pbf.writeMessage(11, (value, inner) => writeValueInfo(value, this.#name(value), inner), input);
    }
    for (const [index, output] of graph.outputs.entries()) {
      pbf.writeMessage(12, (value, inner) => writeValueInfo(value, names[index]!, inner), output);
    }
  }

  #writeNode(node: OnnxNode, used: ReadonlySet<OnnxValue>, pbf: PbfWriter): void {
    for (const input of node.inputs) pbf.writeStringField(1, input === undefined ? '' : this.#name(input));
    const wanted = node.outputs.findLastIndex((output) => used.has(output));
    for (const output of node.outputs.slice(0, wanted + 1)) pbf.writeStringField(2, this.#name(output));
    // ONNX Runtime refuses a name that comes twice.
    if (node.scope !== '') pbf.writeStringField(3, `${node.scope}:${this.#nodes++}`);
    pbf.writeStringField(4, node.op);
    for (const [name, attribute] of Object.entries(node.attributes)) {
      pbf.writeMessage(5, (_, inner) => writeAttribute(name, attribute, inner), null);
    }
    if (node.body !== undefined) {
      const { body } = node;
      pbf.writeMessage(5, (_, inner) => this.#writeBody(body, inner), null);
    }
  }

  #writeBody(body: OnnxGraph, pbf: PbfWriter): void {
    pbf.writeStringField(1, 'body');
    pbf.writeMessage(6, (_, inner) => this.#writeScope(body, 'body', undefined, inner), null);
    pbf.writeVarintField(20, attributeType.graph);
  }

  #writeCopy(from: OnnxValue, to: string, pbf: PbfWriter): void {
    pbf.writeStringField(1, this.#name(from));
    pbf.writeStringField(2, to);
    pbf.writeStringField(4, 'Identity');
  }

  #name(value: OnnxValue): string {
    let name = this.#names.get(value);
    if (name === undefined) {
      name = this.#fresh();
      this.#names.set(value, name);
      if (value.constant !== undefined) this.#constants.push(value);
    }
    return name;
  }
}

function usedValues(graph: OnnxGraph, used = new Set<OnnxValue>()): ReadonlySet<OnnxValue> {
  for (const output of graph.outputs) used.add(output);
  for (const node of graph.nodes) {
    for (const input of node.inputs) if (input !== undefined) used.add(input);
    if (node.body !== undefined) {
      usedValues(node.body, used);
      for (const output of node.outputs) used.add(output);
    }
  }
  return used;
}

function writeAttribute(name: string, attribute: Attribute, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if (typeof attribute === 'number') {
    pbf.writeVarintField(3, attribute);
    pbf.writeVarintField(20, attributeType.integer);
  } else if (typeof attribute === 'string') {
    pbf.writeStringField(4, attribute);
    pbf.writeVarintField(20, attributeType.string);
  } else if ('float' in attribute) {
    pbf.writeFloatField(2, attribute.float);
    pbf.writeVarintField(20, attributeType.float);
  } else {
    for (const element of attribute) pbf.writeVarintField(8, element);
    pbf.writeVarintField(20, attributeType.integers);
  }
}

export function writeTensor({ dtype, shape, data }: Tensor, name: string, pbf: PbfWriter): void {
  for (const extent of shape) pbf.writeVarintField(1, extent);
  pbf.writeVarintField(2, onnxElementType[dtype]);
  pbf.writeStringField(8, name);
  pbf.writeBytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writeValueInfo({ dtype, shape }: OnnxValue, name: string, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(2, (_, type) => type.writeMessage(1, writeTensorType, { dtype, shape }), null);
}

function writeTensorType({ dtype, shape }: Pick<OnnxValue, 'dtype' | 'shape'>, pbf: PbfWriter): void {
  pbf.writeVarintField(1, onnxElementType[dtype]);
  pbf.writeMessage(
    2,
    (dims, inner) => {
      for (const dim of dims) {
        inner.writeMessage(
          1,
          (extent, field) =>
            typeof extent === 'number' ? field.writeVarintField(1, extent) : field.writeStringField(2, extent),
          dim,
        );
      }
    },
    shape,
  );
}
