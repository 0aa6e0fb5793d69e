import { FedloomError } from '../errors.js';
import { type WireField, wireFields } from './protobuf-fields.js';

/** A loop in a loop is one more; the engine's own graphs have one. */
const nestingMax = 8;

/** What a message may hold: field number -> how to check it. A field that is not listed is refused. */
type Schema = ReadonlyMap<number, Check>;
type Check = (field: WireField, depth: number) => void;

const anything: Check = () => {};
const message =
  (schema: () => Schema, deeper = 0): Check =>
  ({ number, bytes }, depth) => {
    if (bytes === undefined) throw new RangeError(`field ${number} is not a message`);
    checkMessage(schema(), bytes, depth + deeper);
  };
const schemaOf = (plain: readonly number[], checked: readonly (readonly [number, Check])[] = []): Schema =>
  new Map([...plain.map((number) => [number, anything] as const), ...checked]);

// Field numbers of onnx.proto.

/** Without external_data (13) and data_location (14): ONNX Runtime would read files of this machine into the graph. */
const tensorProto = schemaOf([1, 2, 4, 5, 7, 8, 9, 10, 11, 12]);
/** Values, and the tensors and graphs in them; without references to functions' attributes and sparse tensors. */
const attributeProto: Schema = schemaOf(
  [1, 2, 3, 4, 7, 8, 9, 13, 20],
  [
    [5, message(() => tensorProto)],
    [6, message(() => graphProto, 1)],
    [10, message(() => tensorProto)],
    [11, message(() => graphProto, 1)],
  ],
);
const nodeProto = schemaOf(
  [1, 2, 3, 4, 6],
  [
    [5, message(() => attributeProto)],
    [7, standardDomain],
  ],
);
const graphProto: Schema = schemaOf(
  [2, 10, 11, 12, 13],
  [
    [1, message(() => nodeProto)],
    [5, message(() => tensorProto)],
  ],
);
const operatorSetProto = schemaOf([2], [[1, standardDomain]]);
/** Without functions (25), training information (20) and metadata, which may steer the runtime. */
const modelProto = schemaOf(
  [1, 2, 3, 4, 5, 6],
  [
    [7, message(() => graphProto)],
    [8, message(() => operatorSetProto)],
  ],
);

/**
 * Checks that a graph from outside keeps to itself: standard operators on its own inputs and constants, and no reference
 * to a file of this machine. ONNX Runtime itself follows such references, relative to the working directory, and a plan
 * could send what it reads to its server.
 *
 * @throws FedloomError `plan.graph`.
 */
export function checkOnnx(name: string, onnx: Uint8Array): void {
  try {
    checkMessage(modelProto, onnx, 0);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new FedloomError(
      'plan.graph',
      `The plan's ${name} graph is refused: ${cause.message}. Use plans of servers you trust, made by this fedloom.`,
      { graph: name },
      { cause },
    );
  }
}

function checkMessage(schema: Schema, bytes: Uint8Array, depth: number): void {
  if (depth > nestingMax) throw new RangeError(`its graphs are nested more than ${nestingMax} deep`);
  for (const field of wireFields(bytes)) {
    const check = schema.get(field.number);
    if (check === undefined)
      throw new RangeError(`${nameOf(schema)} has the field ${field.number}, which plans may not use`);
    check(field, depth);
  }
}

function nameOf(schema: Schema): string {
  const names: readonly (readonly [Schema, string])[] = [
    [tensorProto, 'a constant'],
    [attributeProto, 'an attribute'],
    [nodeProto, 'a node'],
    [graphProto, 'a graph'],
    [operatorSetProto, 'an operator set'],
    [modelProto, 'the model'],
  ];
  return names.find(([known]) => known === schema)![1];
}

/** Other domains hold operators that no standard specifies. */
function standardDomain({ bytes }: WireField): void {
  const domain = new TextDecoder().decode(bytes);
  if (domain !== '' && domain !== 'ai.onnx')
    throw new RangeError(`it uses operators of the domain '${domain.slice(0, 60)}'`);
}
