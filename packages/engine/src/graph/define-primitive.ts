import { FedloomError } from '../errors.js';
import type { Attributes, OnnxValue } from '../onnx/ir.js';
import { isOperator, type OperatorName, operatorAttributes } from '../onnx/operators.js';
import { type Dense, dense } from '../reference/dense.js';
import { type DType, elementCount, type TensorData } from '../tensor.js';
import { makeTensor } from './constant-data.js';
import { formatShape, sameShape } from './shapes.js';
import type { GraphBuilder, LowerContext, Primitive, Value } from './value.js';
import type { ProblemFactory, ValueType } from './value-type.js';

/** Makes ONNX nodes of what plans may hold (PROTOCOL.md, section 9). */
export interface OnnxBuilder {
  /** What the operation is to give. */
  readonly output: ValueType;
  /**
   * A node with one result, of an operator without a body. `undefined` stands for an optional input that is left out. A float attribute is `{ float: 0.5 }`.
   * @param type of the result; default: `output`
   * @throws FedloomError `primitive.definition` for an operator or an attribute that plans may not hold
   */
  emit(
    operator: OperatorName,
    inputs: readonly (OnnxValue | undefined)[],
    attributes?: Attributes,
    type?: ValueType,
  ): OnnxValue;
  /** @param dtype default: that of `output` @param shape default: `[]` for a number, one axis for a list */
  constant(data: number | readonly number[] | TensorData, dtype?: DType, shape?: readonly number[]): OnnxValue;
  /** An int64 vector: axes, shapes, starts. */
  integers(values: readonly number[]): OnnxValue;
  /** A shape as an int64 vector, read from the run where a name such as `batch` stands in it. */
  shape(type: ValueType): OnnxValue;
}

/** One use of an operation, for its gradient. */
export interface PrimitiveStep<Options> {
  readonly inputs: readonly Value[];
  readonly output: Value;
  /** The gradient by the output, of its type. */
  readonly gradient: Value;
  /** Which of the inputs' gradients are wanted: the others may be `undefined`, which saves nodes. */
  readonly needed: readonly boolean[];
  readonly options: Options;
}

/** All that is known about an operation: what it means, its derivative, and how ONNX says it. */
export interface PrimitiveDefinition<Options = undefined> {
  /** A word, for messages. */
  readonly name: string;
  /**
   * Each element follows from the inputs' elements at its place alone, with numpy's broadcasting. Loops over steps then compute it for
   * all steps at once. Default false.
   */
  readonly isElementwise?: boolean;
  /**
   * The type of the result. Names in its shape must be the inputs'.
   * @throws what `problem` makes of a sentence that says what does not fit, such as `problem('takes floats only', 'graph.dtype')`
   */
  type(inputs: readonly ValueType[], options: Options, problem: ProblemFactory): ValueType;
  /**
   * The definition, in float64: obvious, and as slow as it likes. All that is tested is tested against it.
   * @param shape of the result @returns its elements, row by row
   */
  reference(inputs: readonly Dense[], options: Options, shape: readonly number[]): ArrayLike<number>;
  /** The gradient by each input, of its type; `undefined` where none flows. */
  gradient(g: GraphBuilder, step: PrimitiveStep<Options>): readonly (Value | undefined)[];
  /** The same in ONNX, for float32 and where elements lie in memory as they like. */
  lower(onnx: OnnxBuilder, inputs: readonly OnnxValue[], options: Options): OnnxValue;
}

/** An operation of one's own: called with the graph to build in, it gives its result. */
export type Operation<Options = undefined> = (
  g: GraphBuilder,
  inputs: readonly Value[],
  ...options: Options extends undefined ? [] : [options: Options]
) => Value;

/** An operation's attributes; wrapped, so that nobody takes them for those of an operation of ours. */
interface Own<Options> {
  readonly options: Options;
}

const FUNCTIONS = {
  type: 'a function (inputs, options, problem) => the type of the result',
  reference: 'a function (inputs, options, shape) => its elements',
  gradient: 'a function (g, step) => the gradient by each input',
  lower: 'a function (onnx, inputs, options) => a value of ONNX',
} as const;

/**
 * An operation of one's own, for layers, losses and whatever else is written with a graph's builder. `primitiveSuite` of fedloom/testing
 * checks it.
 * @throws FedloomError `primitive.definition`
 */
export function definePrimitive<Options = undefined>(definition: PrimitiveDefinition<Options>): Operation<Options> {
  const { name } = definition;
  if (typeof name !== 'string' || !/^[A-Za-z]\w*$/.test(name)) {
    const message = `The primitive's name is ${JSON.stringify(name)}; it must be a word, such as "softsign".`;
    throw new FedloomError('primitive.definition', message, { primitive: String(name), field: 'name' });
  }
  for (const [field, what] of Object.entries(FUNCTIONS)) {
    if (typeof Reflect.get(definition, field) === 'function') continue;
    throw new FedloomError('primitive.definition', `The primitive ${name}: ${field} must be ${what}.`, {
      primitive: name,
      field,
    });
  }
  const primitive = primitiveOf(definition);
  return (g, inputs, ...[options]) => g.applyOne(primitive, inputs, { options: options as Options });
}

function primitiveOf<Options>(definition: PrimitiveDefinition<Options>): Primitive<Own<Options>> {
  const { name, isElementwise = false } = definition;
  const wrong = (field: keyof typeof FUNCTIONS, what: string) =>
    new FedloomError('primitive.definition', `The primitive ${name}: ${field} ${what}.`, { primitive: name, field });
  return {
    // No operation of ours is called so.
    name: `${name}()`,
    isElementwise,
    inferShape(inputs, { options }, problem) {
      const type = definition.type(inputs, options, problem);
      const known = new Set(inputs.flatMap(({ shape }) => shape));
      const fits = Array.isArray(type?.shape) && type.shape.every((dim) => isExtent(dim) || known.has(dim));
      if (fits && typeof type.dtype === 'string') return [{ dtype: type.dtype, shape: type.shape }];
      throw wrong('type', 'must give { dtype, shape }, each extent a whole number or a name of an input');
    },
    gradient({ graph, inputs, outputs, outputGradients, needed, attributes: { options } }) {
      const [output] = outputs;
      const [gradient] = outputGradients;
      if (output === undefined || gradient === undefined) return [];
      const found = definition.gradient(graph, { inputs, output, gradient, needed, options });
      if (!Array.isArray(found) || found.length !== inputs.length) {
        throw wrong('gradient', `must give a list of ${inputs.length}, a value or undefined for each input`);
      }
      for (const [at, value] of found.entries()) {
        const input = inputs[at];
        if (value === undefined || needed[at] !== true || input === undefined || isOfType(value, input)) continue;
        const given = typeOf(value);
        throw wrong(
          'gradient',
          `gave ${given} for input ${at + 1}, which is ${typeOf(input)}; it must be of that type`,
        );
      }
      return found;
    },
    evaluate(inputs, { options }, { outputs, extent }) {
      const shape = outputs[0]?.shape.map(extent) ?? [];
      const elements = definition.reference(inputs, options, shape);
      const count = elementCount(shape);
      if (elements?.length === count) return [dense(shape, Float64Array.from(elements))];
      throw wrong('reference', `gave ${elements?.length} elements; ${formatShape(shape)} has ${count}`);
    },
    lower(inputs, { options }, context) {
      const [output] = context.outputs;
      if (output === undefined) return [];
      const made = definition.lower(onnxBuilder(context, output, wrong), inputs, options);
      if (made !== undefined && isOfType(made, output)) return [made];
      throw wrong('lower', `gave ${typeOf(made)}; it must give ${typeOf(output)}, what \`type\` says`);
    },
  };
}

function onnxBuilder(
  { emit, constant, integers, shape }: LowerContext,
  output: ValueType,
  wrong: (field: 'lower', what: string) => FedloomError,
): OnnxBuilder {
  return {
    output,
    emit(operator, inputs, attributes = {}, type = output) {
      const known: readonly string[] = isOperator(operator) ? operatorAttributes[operator] : [];
      if (!isOperator(operator) || known.includes('body')) {
        throw wrong('lower', `takes the operator ${operator}, which plans may not hold`);
      }
      const other = Object.keys(attributes).find((attribute) => !known.includes(attribute));
      if (other !== undefined)
        throw wrong('lower', `gives ${operator} the attribute ${other}, which plans may not hold`);
      return emit(operator, inputs, attributes, type);
    },
    constant: (data, dtype = output.dtype, extents) => constant(makeTensor(data, dtype, extents)),
    integers,
    shape: (type) => shape(type.shape),
  };
}

function isExtent(dim: unknown): boolean {
  return Number.isSafeInteger(dim) && Number(dim) >= 0;
}

function isOfType(value: ValueType, { dtype, shape }: ValueType): boolean {
  return value?.dtype === dtype && Array.isArray(value.shape) && sameShape(value.shape, shape);
}

function typeOf(value: ValueType | undefined): string {
  if (value === undefined || value === null) return 'nothing';
  return Array.isArray(value.shape) ? `${value.dtype} ${formatShape(value.shape)}` : `a ${typeof value}`;
}
