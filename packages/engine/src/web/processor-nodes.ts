import { wireFields } from '../plan/protobuf-fields.js';

// Field numbers of onnx.proto.
const MODEL = { graph: 7 } as const;
const GRAPH = { node: 1 } as const;
const NODE = { output: 2, name: 3, operator: 4, attribute: 5 } as const;
const ATTRIBUTE = { graph: 6 } as const;

const text = new TextDecoder();

/**
 * Names of the nodes that WebGPU takes on and then fails at: a max pool that tells where each maximum was, which its gradient needs
 * ("The Indices output is not supported yet", ONNX Runtime 1.30). They run on the processor.
 */
export function processorNodes(onnx: Uint8Array): string[] {
  return messages(onnx, MODEL.graph).flatMap(namesIn);
}

function namesIn(graph: Uint8Array): string[] {
  return messages(graph, GRAPH.node).flatMap((node) => {
    const inner = messages(node, NODE.attribute).flatMap((attribute) => messages(attribute, ATTRIBUTE.graph));
    if (inner.length > 0) return inner.flatMap(namesIn);
    const [operator, name] = [NODE.operator, NODE.name].map((field) => text.decode(messages(node, field)[0]));
    const [, indices] = messages(node, NODE.output);
    return operator === 'MaxPool' && name !== undefined && (indices?.length ?? 0) > 0 ? [name] : [];
  });
}

/** The fields of this number that are of variable length. */
function messages(message: Uint8Array, field: number): Uint8Array[] {
  return [...wireFields(message)].flatMap(({ number, bytes }) =>
    number === field && bytes !== undefined ? [bytes] : [],
  );
}
