import { MULTIPLIERS, type PhiloxBlocks, ROUNDS, WEYL } from './plain-philox.js';
import {
  assembleModule,
  type Code,
  get,
  I32,
  I64,
  i32Add,
  i32Const,
  i32FromI64,
  i32Xor,
  i64Const,
  i64FromUnsigned,
  i64Multiply,
  increase,
  isZero,
  lessUnsigned,
  lessUnsignedThan,
  repeat,
  set,
  store32,
  upperI32,
  type WasmFunction,
} from './wasm-assembler.js';
import { instantiate, type WasmMemory } from './wasm-instance.js';

/** Blocks of one call: they fill the memory, one page. */
const BLOCKS_MAX = 4096;

/** Parameters of the kernel: the end of what it writes, from address 0 on; the first counter; the key. */
const [END, LOW, HIGH, THIRD, FOURTH, KEY_0, KEY_1] = [0, 1, 2, 3, 4, 5, 6];
/** Locals: where it writes, the words in work and their key, how many rounds they have had, the products. */
const [ADDRESS, C0, C1, C2, C3, K0, K1, ROUND, PRODUCT_0, PRODUCT_1] = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

interface Kernel {
  readonly memory: WasmMemory;
  philox(end: number, low: number, high: number, third: number, fourth: number, key0: number, key1: number): void;
}

/**
 * `plainPhilox`, bit for bit, as a WebAssembly kernel. It multiplies 64 bits at once, and is fast from its first call on,
 * where a loop in TypeScript waits for the optimizing compiler. Undefined where the platform has no WebAssembly.
 */
export function wasmPhilox(): PhiloxBlocks | undefined {
  const kernel = instantiate<Kernel>(assembleModule(1, [philoxKernel()]));
  if (kernel === undefined) return undefined;
  const written = new Uint32Array(kernel.memory.buffer);
  return (words, at, blocks, [low, high, third, fourth], [key0, key1]) => {
    for (let done = 0; done < blocks; done += BLOCKS_MAX) {
      const count = Math.min(BLOCKS_MAX, blocks - done);
      const first = low + done;
      kernel.philox(16 * count, first, high + Math.floor(first / 2 ** 32), third, fourth, key0, key1);
      words.set(written.subarray(0, 4 * count), at + 4 * done);
    }
  };
}

function philoxKernel(): WasmFunction {
  return {
    name: 'philox',
    parameters: [I32, I32, I32, I32, I32, I32, I32],
    locals: [I32, I32, I32, I32, I32, I32, I32, I32, I64, I64],
    body: repeat(
      [
        copy(LOW, C0),
        copy(HIGH, C1),
        copy(THIRD, C2),
        copy(FOURTH, C3),
        copy(KEY_0, K0),
        copy(KEY_1, K1),
        [i32Const(0), set(ROUND)],
        repeat([round(), increase(ROUND, 1)], lessUnsignedThan(ROUND, ROUNDS)),
        [C0, C1, C2, C3].map((word, place) => store32(ADDRESS, get(word), 4 * place)),
        increase(ADDRESS, 16),
        increase(LOW, 1),
        // Past its largest value the lowest word is 0 again, and carries.
        [get(HIGH), get(LOW), isZero, i32Add, set(HIGH)],
      ],
      lessUnsigned(ADDRESS, END),
    ),
  };
}

function round(): Code {
  return [
    [get(C0), i64FromUnsigned, i64Const(MULTIPLIERS[0]), i64Multiply, set(PRODUCT_0)],
    [get(C2), i64FromUnsigned, i64Const(MULTIPLIERS[1]), i64Multiply, set(PRODUCT_1)],
    [get(PRODUCT_1), upperI32, get(C1), i32Xor, get(K0), i32Xor, set(C0)],
    [get(PRODUCT_1), i32FromI64, set(C1)],
    [get(PRODUCT_0), upperI32, get(C3), i32Xor, get(K1), i32Xor, set(C2)],
    [get(PRODUCT_0), i32FromI64, set(C3)],
    [get(K0), i32Const(WEYL[0] | 0), i32Add, set(K0)],
    [get(K1), i32Const(WEYL[1] | 0), i32Add, set(K1)],
  ];
}

function copy(from: number, to: number): Code {
  return [get(from), set(to)];
}
