import {
  assembleModule,
  type Code,
  f32x4Subtract,
  f64x2Subtract,
  I32,
  increase,
  lessUnsigned,
  load128,
  repeat,
  store128,
  type WasmFunction,
} from '../core/wasm-assembler.js';
import { instantiate, type WasmMemory } from '../core/wasm-instance.js';

/** `into` = `values` - `base`, element by element, each rounded once; all of one length. `into` may be `values`. */
export type Subtract<Floats> = (values: Floats, base: Floats, into: Floats) => void;

interface Subtractions {
  readonly floats: Subtract<Float32Array>;
  readonly doubles: Subtract<Float64Array>;
}

/** Values and base lie one behind the other in one page, in pieces that stay in the cache. */
const PIECE_BYTES = 32768;
const VECTOR_BYTES = 16;
/** For fewer elements a call costs more than it saves. */
const WORTHWHILE = 64;
const [VALUES, BASE, END] = [0, 1, 2];

interface Kernels {
  readonly memory: WasmMemory;
  floats(values: number, base: number, end: number): void;
  doubles(values: number, base: number, end: number): void;
}

/** The readable reference; each for one kind of array, so that it is compiled well. */
export const plainSubtractions: Subtractions = {
  floats(values, base, into) {
    for (let i = 0; i < into.length; i++) into[i] = values[i]! - base[i]!;
  },
  doubles(values, base, into) {
    for (let i = 0; i < into.length; i++) into[i] = values[i]! - base[i]!;
  },
};

const { floats, doubles } = wasmSubtractions() ?? plainSubtractions;
export const subtractFloats: Subtract<Float32Array> = floats;
export const subtractDoubles: Subtract<Float64Array> = doubles;

/**
 * The same as a WebAssembly kernel, 16 bytes at once, with a copy there and back. Undefined where the platform lacks
 * it.
 */
export function wasmSubtractions(): Subtractions | undefined {
  const functions = [kernel('floats', f32x4Subtract), kernel('doubles', f64x2Subtract)];
  const kernels = instantiate<Kernels>(assembleModule(1, functions));
  if (kernels === undefined) return undefined;
  const { buffer } = kernels.memory;
  const inPieces = <Floats extends Float32Array | Float64Array>(
    views: readonly [Floats, Floats],
    plain: Subtract<Floats>,
    subtract: Kernels['floats'],
  ): Subtract<Floats> => {
    const [left, right] = views;
    return (values, base, into) => {
      const { length, BYTES_PER_ELEMENT } = into;
      if (length < WORTHWHILE) return plain(values, base, into);
      for (let from = 0; from < length; from += left.length) {
        const count = Math.min(left.length, length - from);
        const all = count === length;
        left.set((all ? values : values.subarray(from, from + count)) as never);
        right.set((all ? base : base.subarray(from, from + count)) as never);
        const end = Math.ceil((count * BYTES_PER_ELEMENT) / VECTOR_BYTES) * VECTOR_BYTES;
        subtract(0, PIECE_BYTES, end);
        into.set((count === left.length ? left : left.subarray(0, count)) as never, from);
      }
    };
  };
  const pair = <Floats>(make: (address: number) => Floats): readonly [Floats, Floats] => [make(0), make(PIECE_BYTES)];
  return {
    floats: inPieces(
      pair<Float32Array>((address) => new Float32Array(buffer, address, PIECE_BYTES / 4)),
      plainSubtractions.floats,
      kernels.floats,
    ),
    doubles: inPieces(
      pair<Float64Array>((address) => new Float64Array(buffer, address, PIECE_BYTES / 8)),
      plainSubtractions.doubles,
      kernels.doubles,
    ),
  };
}

/** The differences take the place of the values. */
function kernel(name: string, subtract: (a: Code, b: Code) => Code): WasmFunction {
  return {
    name,
    parameters: [I32, I32, I32],
    locals: [],
    body: repeat(
      [
        store128(VALUES, subtract(load128(VALUES), load128(BASE))),
        increase(VALUES, VECTOR_BYTES),
        increase(BASE, VECTOR_BYTES),
      ],
      lessUnsigned(VALUES, END),
    ),
  };
}
