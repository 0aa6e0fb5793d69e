import { concatenated, lengthDelimited, varintField, type WireField, wireFields } from './protobuf-fields.js';

/** The input that stands in for `order`: int64 `[clients, steps, batch]`. */
export const ordersPort = 'orders';

/** What comes of every client, `[clients, ...]`, for an output of the graph for one. */
export function stackedPort(port: string): string {
  return `each/${port}`;
}

// Field numbers of onnx.proto.
const model = { graph: 7 };
const graph = { node: 1, name: 2, initializer: 5, input: 11, output: 12 };
const node = { input: 1, output: 2, operator: 4, attribute: 5 };
const attribute = { name: 1, integer: 3, graph: 6, type: 20 };
const attributeType = { integer: 2, graph: 5 };
const valueInfo = { name: 1, type: 2 };
const type = { tensor: 1 };
const tensorType = { element: 1, shape: 2 };
const dimension = { each: 1, symbol: 2 };

/**
 * A plan's train graph as the body of a Scan over clients: one call trains several from the same parameters, each with the
 * operations, on the shapes, of a call of its own, so that not a bit differs. For small models a call costs more than its
 * arithmetic.
 *
 * The body sees everything but its order in the scope around it, so the graph's nodes go into it as they are. The samples of
 * the clients lie one behind the other; orders name their rows, see `stackOrders`.
 *
 * @param train the ONNX bytes of a plan that passed `decodePlan`
 * @param outputs which of its outputs are wanted
 */
export function stackedTrainGraph(train: Uint8Array, outputs: readonly string[]): Uint8Array {
  const fields = [...wireFields(train)];
  const whole = contentOf(fields.find(({ number }) => number === model.graph));
  const parts = [...wireFields(whole)];
  const named = (number: number) =>
    new Map(parts.filter((field) => field.number === number).map((field) => [nameOf(field), field]));
  const inputs = named(graph.input);
  const wanted = outputs.map((name) => named(graph.output).get(name)).filter((field) => field !== undefined);
  const order = inputs.get('order');
  inputs.delete('order');

  const body = [
    ...parts.filter(({ number }) => number === graph.node || number === graph.initializer).map(({ raw }) => raw),
    lengthDelimited(graph.name, 'client'),
    ...(order === undefined ? [] : [order.raw]),
    ...wanted.map(({ raw }) => raw),
  ];
  const scan = [
    lengthDelimited(node.input, ordersPort),
    ...wanted.map((field) => lengthDelimited(node.output, stackedPort(nameOf(field)))),
    lengthDelimited(node.operator, 'Scan'),
    lengthDelimited(
      node.attribute,
      lengthDelimited(attribute.name, 'body'),
      lengthDelimited(attribute.graph, ...body),
      varintField(attribute.type, attributeType.graph),
    ),
    lengthDelimited(
      node.attribute,
      lengthDelimited(attribute.name, 'num_scan_inputs'),
      varintField(attribute.integer, 1),
      varintField(attribute.type, attributeType.integer),
    ),
  ];
  const stacked = lengthDelimited(
    model.graph,
    lengthDelimited(graph.node, ...scan),
    lengthDelimited(graph.name, 'clients'),
    ...[...inputs.values()].map(({ raw }) => raw),
    lengthDelimited(graph.input, ...ordersInfo(order)),
    ...wanted.map((field) => lengthDelimited(graph.output, ...stackedInfo(field))),
  );
  return concatenated([...fields.filter(({ number }) => number !== model.graph).map(({ raw }) => raw), stacked]);
}

/** `order` with one axis more before its own two. */
function ordersInfo(order: WireField | undefined): Uint8Array[] {
  const axes = ['clients', 'steps', 'batch'].map((axis) =>
    lengthDelimited(dimension.each, lengthDelimited(dimension.symbol, axis)),
  );
  const shape = lengthDelimited(tensorType.shape, ...axes);
  return [
    lengthDelimited(valueInfo.name, ordersPort),
    lengthDelimited(valueInfo.type, lengthDelimited(type.tensor, elementOf(order), shape)),
  ];
}

/** An output's element type; its shape follows from the graph. */
function stackedInfo(field: WireField): Uint8Array[] {
  return [
    lengthDelimited(valueInfo.name, stackedPort(nameOf(field))),
    lengthDelimited(valueInfo.type, lengthDelimited(type.tensor, elementOf(field))),
  ];
}

function nameOf(info: WireField): string {
  return new TextDecoder().decode(part(contentOf(info), valueInfo.name)?.bytes);
}

function elementOf(info: WireField | undefined): Uint8Array {
  const tensor = contentOf(part(contentOf(part(contentOf(info), valueInfo.type)), type.tensor));
  return part(tensor, tensorType.element)?.raw ?? new Uint8Array();
}

function part(message: Uint8Array, number: number): WireField | undefined {
  return [...wireFields(message)].find((field) => field.number === number);
}

function contentOf(field: WireField | undefined): Uint8Array {
  return field?.bytes ?? new Uint8Array();
}
