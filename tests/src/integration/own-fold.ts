import { type DType, defineFold, type IndividualFold, type Tensor, type UpdateSpec } from 'fedloom';

const BYTES: Readonly<Record<DType, number>> = {
  float64: 8,
  int64: 8,
  float32: 4,
  int32: 4,
  float16: 2,
  uint8: 1,
  bool: 1,
};

/** A fold as a user writes it, from public exports alone: halfway between each element's smallest and largest value. */
export function midrange(): IndividualFold {
  return defineFold<IndividualFold>({
    kind: 'individual',
    name: 'acme/midrange',
    options: {},
    memoryBytes: (specs, updates) =>
      specs.reduce((sum, { shape, dtype }) => sum + lengthOf(shape) * (updates * BYTES[dtype] + 8), 0),
    combine(contributions, specs) {
      const ascending = [...specs].sort((a, b) => (a.name < b.name ? -1 : 1));
      const entries = ascending.map((spec): [string, Tensor] => {
        const tensors = contributions.flatMap(({ update }) => update.tensors.get(spec.name) ?? []);
        return [spec.name, combined(tensors.map(numbersOf), spec)];
      });
      return new Map(entries);
    },
  });
}

function combined(clients: readonly number[][], { dtype, shape, fold }: UpdateSpec): Tensor {
  const values = Array.from({ length: lengthOf(shape) }, (_, i) => {
    const all = clients.flatMap((values) => values.slice(i, i + 1));
    return fold === 'max' ? Math.max(...all) : (Math.min(...all) + Math.max(...all)) / 2;
  });
  if (dtype.startsWith('float') && fold === 'mean') return { dtype: 'float64', shape, data: Float64Array.from(values) };
  switch (dtype) {
    case 'float64':
      return { dtype, shape, data: Float64Array.from(values) };
    case 'float32':
      return { dtype, shape, data: Float32Array.from(values) };
    case 'int64':
      return { dtype, shape, data: BigInt64Array.from(values, (value) => BigInt(halfToEven(value))) };
    case 'int32':
      return { dtype, shape, data: Int32Array.from(values, halfToEven) };
    case 'float16':
      throw new RangeError('acme/midrange takes no maxima of float16');
    default:
      return { dtype, shape, data: Uint8Array.from(values, halfToEven) };
  }
}

function halfToEven(value: number): number {
  return Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
}

function numbersOf({ dtype, data }: Tensor): number[] {
  return Array.from(data, (value: number | bigint) => (dtype === 'float16' ? halfOf(Number(value)) : Number(value)));
}

/** The number of which these are the bits: IEEE 754 binary16, finite. */
function halfOf(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits < 0x8000 ? magnitude : -magnitude;
}

function lengthOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
