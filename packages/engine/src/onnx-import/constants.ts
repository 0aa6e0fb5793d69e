import { filled } from '../layers/initializers.js';
import type { LayerParameter } from '../layers/types.js';
import { elementCount, type Tensor } from '../tensor.js';
import { type Entry, knownTensor } from './entries.js';
import type { ModelFile, NodeFile } from './read-file.js';
import { recurrentLayers } from './rules/recurrent.js';

/** The file's constants: parameters of the model, and what is known before it runs. */
export class Constants {
  readonly parameters: readonly LayerParameter[];
  /** By the file's names, those of the parameters. */
  readonly names = new Map<string, string>();
  readonly known = new Map<string, Entry>();
  readonly #given = new UnusedNames();

  constructor({ nodes, constants }: ModelFile, isTrained: (name: string) => boolean) {
    const statistics = new Set(
      nodes.filter(({ op }) => op === 'BatchNormalization').flatMap(({ inputs }) => inputs.slice(3, 5)),
    );
    const needed = new Set(nodes.flatMap(({ inputs }) => inputs));
    const weights = new Set(
      nodes.flatMap(({ op, inputs }) =>
        WEIGHTED.has(op) ? inputs.slice(1, recurrentLayers[op] === undefined ? 5 : 4) : [],
      ),
    );
    const settings = new Set(
      nodes.flatMap(({ op, inputs }) => (SETTINGS[op] ?? []).flatMap((index) => inputs[index] ?? [])),
    );
    const parameters: LayerParameter[] = [];
    for (const [name, tensor] of constants) {
      const isOwn = ownNames.test(name) && isUniform(tensor) && !weights.has(name) && !isPerChannel(tensor);
      const isSetting = tensor.shape.length === 0 || settings.has(name) || isOwn || !hasNumbers(tensor);
      if (tensor.dtype !== 'float32' || isSetting) this.known.set(name, knownTensor(tensor));
      else if (needed.has(name)) parameters.push(this.#parameter(name, tensor, statistics.has(name), isTrained));
    }
    this.parameters = parameters;
  }

  #parameter(
    name: string,
    { shape, data }: Tensor,
    isStatistic: boolean,
    isTrained: (name: string) => boolean,
  ): LayerParameter {
    // Names of tensors in files of weights: exporters write onnx::MatMul_12, too.
    const plain = name.replaceAll(/[^A-Za-z0-9_.-]+/g, '_').replace(/^[^A-Za-z0-9_]+/, '');
    const own = this.#given.like(plain === '' ? 'constant' : plain);
    this.names.set(name, own);
    const role = isStatistic ? 'buffer' : isTrained(own) ? 'trained' : 'frozen';
    const initialize = () => Float32Array.from(data as Float32Array);
    return { name: own, shape, role, initialize: elementCount(shape) === 0 ? filled(shape, 0) : initialize };
  }
}

/** Names that nothing has yet. */
class UnusedNames {
  readonly #taken: Set<string>;
  /** Where counting goes on: files may have one name very often. */
  readonly #counts = new Map<string, number>();

  constructor(taken: Iterable<string> = []) {
    this.#taken = new Set(taken);
  }

  /** The name itself, or with a number behind it. */
  like(name: string): string {
    let own = name;
    let count = this.#counts.get(name) ?? 2;
    for (; this.#taken.has(own); count += 1) own = `${name}_${count}`;
    this.#counts.set(name, count);
    this.#taken.add(own);
    return own;
  }
}

/** Names that exporters make: such a constant, where it is one number throughout and no operator's weight, is a setting, such as a scale. */
const ownNames = /^val_|::|^\//;
/** `[channels, 1, 1]`: so norms have their weights that are written out, and no setting has it. */
function isPerChannel({ shape: [channels = 1, ...rest] }: Tensor): boolean {
  return channels > 1 && rest.length > 0 && rest.every((extent) => extent === 1);
}

/** Inputs that an operator must know before it runs. */
const SETTINGS: Readonly<Record<string, readonly number[]>> = { Clip: [1, 2], Dropout: [1], Pad: [2], Resize: [1, 2] };
// Not InstanceNormalization: exporters write group norm as one whose weights are 1 and 0, and its own weights behind it.
const WEIGHTED: ReadonlySet<string> = new Set([
  ...['BatchNormalization', 'Conv', 'ConvTranspose', 'GRU', 'Gemm', 'GroupNormalization'],
  ...['LSTM', 'LayerNormalization', 'MatMul', 'PRelu', 'RMSNormalization'],
]);

/**
 * One constant in two places is two parameters where it is a copy by name, or the same number throughout: exporters write equal zeros, such as
 * those of two biases or of a bias and batch norm's mean, once. A table of numbers that is used twice is one parameter, as in the model.
 */
export function withoutAliases(file: ModelFile): ModelFile {
  const constants = new Map(file.constants);
  const nodes = file.nodes.filter(({ op, inputs, outputs }) => {
    const [from, to] = [inputs[0] ?? '', outputs[0] ?? ''];
    const constant = op === 'Identity' ? constants.get(from) : undefined;
    if (constant !== undefined) constants.set(to, constant);
    return constant === undefined;
  });
  const taken = new Set<string>();
  const names = new UnusedNames(constants.keys());
  const uniform = new Map<Tensor, boolean>();
  const isSplit = (constant: Tensor): boolean => {
    const known = uniform.get(constant);
    if (known !== undefined) return known;
    const found = constant.dtype === 'float32' && isUniform(constant);
    uniform.set(constant, found);
    return found;
  };
  const apart = nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => {
      const constant = constants.get(name);
      if (constant === undefined || !taken.has(name)) {
        taken.add(name);
        return name;
      }
      if (!isSplit(constant)) return name;
      const own = names.like(name);
      constants.set(own, constant);
      taken.add(own);
      return own;
    }),
  }));
  return withoutCopies({ ...file, nodes: apart, constants });
}

/** An exporter that folds constants writes a table that is used twice, once as it is and once transposed, two times: it is one parameter. */
function withoutCopies(file: ModelFile): ModelFile {
  const constants = new Map(file.constants);
  const tables = [...constants].filter(([, { dtype, shape }]) => dtype === 'float32' && shape.length === 2);
  // One candidate for a copy, found by its corners: files may have very many tables.
  const originals = new Map<string, readonly [string, Tensor]>();
  for (const table of tables) {
    const [name, { shape, data }] = table;
    const key = `${shape.join()} ${data[0]} ${data[data.length - 1]}`;
    if (!ownNames.test(name) && !originals.has(key)) originals.set(key, table);
  }
  const turned: NodeFile[] = [];
  for (const [copy, tensor] of tables) {
    if (!ownNames.test(copy) || isUniform(tensor)) continue;
    const { shape, data } = tensor;
    const candidate = originals.get(`${[...shape].reverse().join()} ${data[0]} ${data[data.length - 1]}`);
    if (candidate === undefined || !isTransposed(candidate[1], tensor)) continue;
    const [original] = candidate;
    constants.delete(copy);
    const attributes = new Map([['perm', { integers: [1, 0], floats: [], texts: [] }]]);
    turned.push({ name: copy, op: 'Transpose', domain: '', inputs: [original], outputs: [copy], attributes });
  }
  return { ...file, constants, nodes: [...turned, ...file.nodes] };
}

function isTransposed({ shape, data }: Tensor, other: Tensor): boolean {
  const [rows = 0, columns = 0] = shape;
  if (rows !== other.shape[1] || columns !== other.shape[0]) return false;
  return (data as Float32Array).every(
    (value, at) => value === other.data[(at % columns) * rows + Math.floor(at / columns)],
  );
}

/** A table of infinities is a mask. */
function hasNumbers({ data }: Tensor): boolean {
  return (data as Float32Array).every(Number.isFinite);
}

function isUniform({ data }: Tensor): boolean {
  return (data as Float32Array).every((value) => value === data[0]);
}
