import type { OnnxGraph, OnnxValue } from '../ir.js';

/** A graph as text, one line a node: for tests of what the rewrites make, and for eyes. */
export function describe(graph: OnnxGraph): string {
  const names = new Map<OnnxValue, string>();
  const nameOf = (value: OnnxValue | undefined): string => {
    if (value === undefined) return '_';
    if (value.constant !== undefined) {
      const { data, shape } = value.constant;
      return data.length <= 8 ? `${shape.length === 0 ? data[0] : `[${data.join(' ')}]`}` : `const[${shape.join()}]`;
    }
    const name = names.get(value) ?? value.name ?? `%${names.size}`;
    names.set(value, name);
    return name;
  };
  const lines = (scope: OnnxGraph, indent: string): string[] => [
    ...scope.nodes.flatMap((node) => {
      const attributes = Object.entries(node.attributes).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
      const inside =
        node.body === undefined
          ? []
          : [`${indent}  (${node.body.inputs.map(nameOf).join(', ')})`, ...lines(node.body, `${indent}  `)];
      const results = node.outputs.map((output) => `${nameOf(output)}[${output.shape.join()}]`).join(', ');
      return [
        `${indent}${results} = ${node.op}(${node.inputs.map(nameOf).join(', ')})${attributes.join('')}`,
        ...inside,
      ];
    }),
    `${indent}-> ${scope.outputs.map(nameOf).join(', ')}`,
  ];
  return lines(graph, '').join('\n');
}
