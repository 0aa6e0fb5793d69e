import type { Attribute, ModelFile } from './read-file.js';

/** An attribute of a softmax whose rows a mask may leave nothing of. */
export const MAY_BE_EMPTY = 'fedloom.mayBeEmpty';
const isSet: Attribute = { integer: 1, integers: [], floats: [], texts: [] };

/**
 * PyTorch's attention puts 0 where a softmax is NaN, since all of its row was minus infinity. A gradient through NaN is NaN for all, so that the
 * softmax is told of it.
 */
export function withEmptyRows(file: ModelFile): ModelFile {
  const asked = new Set(file.nodes.flatMap(({ op, inputs }) => (op === 'IsNaN' ? inputs : [])));
  const nodes = file.nodes.map((node) => {
    if (node.op !== 'Softmax' || !node.outputs.some((output) => asked.has(output))) return node;
    return { ...node, attributes: new Map([...node.attributes, [MAY_BE_EMPTY, isSet]]) };
  });
  return { ...file, nodes };
}
