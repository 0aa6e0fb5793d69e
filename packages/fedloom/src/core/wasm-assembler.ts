/*
 * Just enough of the WebAssembly binary format (https://webassembly.github.io/spec/core/binary/) to write numeric
 * kernels as code in place of committed binaries. A piece of code is its bytes; pieces are put together by `flat`.
 */
export type Code = readonly (number | Code)[];

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F64 = 0x7c;
export const V128 = 0x7b;
const EMPTY_BLOCK = 0x40;
const END = 0x0b;
const SIMD = 0xfd;

export interface WasmFunction {
  readonly name: string;
  /** Value types; parameters are the locals from 0. */
  readonly parameters: readonly number[];
  /** Value types of further locals. */
  readonly locals: readonly number[];
  readonly body: Code;
}

export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];
export const i32Const = (value: number): Code => [0x41, signedLeb(value)];
export const i64Const = (value: number): Code => [0x42, signedLeb(value)];
export const f64Const = (value: number): Code => [0x44, float64(value)];
export const i32Add: Code = [0x6a];
export const i32Xor: Code = [0x73];
export const i64Multiply: Code = [0x7e];
/** The lower half. */
export const i32FromI64: Code = [0xa7];
export const i64FromUnsigned: Code = [0xad];
/** The upper half. */
export const upperI32: Code = [0x42, 32, 0x88, i32FromI64];
/** 1 for 0, else 0. */
export const isZero: Code = [0x45];
/** Repeats its body while the `condition` at its end holds; the body runs once at least. */
export const repeat = (body: Code, condition: Code): Code => [0x03, EMPTY_BLOCK, body, condition, 0x0d, 0, END];
export const lessUnsigned = (a: number, b: number): Code => [get(a), get(b), 0x49];
export const lessUnsignedThan = (local: number, value: number): Code => [get(local), i32Const(value), 0x49];
export const increase = (local: number, bytes: number): Code => [get(local), i32Const(bytes), i32Add, set(local)];

export const store32 = (address: number, value: Code, offset = 0): Code => [get(address), value, 0x36, memory(offset)];
/** Loads 16 bytes from the address in a local, plus a constant. */
export const load128 = (address: number, offset = 0): Code => [get(address), simd(0x00), memory(offset)];
/** Loads 8 bytes into the lower half. */
export const load64 = (address: number, offset = 0): Code => [get(address), simd(0x5d), memory(offset)];
/** Loads 8 bytes into both halves. */
export const load64Splat = (address: number, offset = 0): Code => [get(address), simd(0x0a), memory(offset)];
export const store128 = (address: number, value: Code, offset = 0): Code => [
  get(address),
  value,
  simd(0x0b),
  memory(offset),
];
export const f64x2Add = (a: Code, b: Code): Code => [a, b, simd(0xf0)];
export const f64x2Subtract = (a: Code, b: Code): Code => [a, b, simd(0xf1)];
export const f64x2Multiply = (a: Code, b: Code): Code => [a, b, simd(0xf2)];
export const f64x2Divide = (a: Code, b: Code): Code => [a, b, simd(0xf3)];
/** All bits of a lane where its numbers are equal, else none. */
export const f64x2Equal = (a: Code, b: Code): Code => [a, b, simd(0x47)];
export const f64x2Absolute = (a: Code): Code => [a, simd(0xec)];
export const f64x2Max = (a: Code, b: Code): Code => [a, b, simd(0xf5)];
/** The two floats in the lower half as doubles. */
export const f64x2FromFloats = (floats: Code): Code => [floats, simd(0x5f)];

export const f32x4Add = (a: Code, b: Code): Code => [a, b, simd(0xe4)];
export const f32x4Subtract = (a: Code, b: Code): Code => [a, b, simd(0xe5)];
export const f32x4Multiply = (a: Code, b: Code): Code => [a, b, simd(0xe6)];
/** The upper half of a local's 16 bytes in place of the lower. */
export const upperHalf = (local: number): Code => [
  ...[get(local), get(local), simd(0x0d)],
  ...[8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7],
];

export const i32x4Splat = (value: Code): Code => [value, simd(0x11)];
export const i32x4Max = (a: Code, b: Code): Code => [a, b, simd(0xb8)];
export const and128 = (a: Code, b: Code): Code => [a, b, simd(0x4e)];

/** A module that exports its memory as `memory`, of as many 64 KiB pages at first, and its functions by name. */
export function assembleModule(memoryPages: number, functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const indices = functions.map((_, index) => index);
  return Uint8Array.from(
    flat([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, list(functions.map(({ parameters }) => [0x60, list(parameters), list([])]))),
      section(3, list(indices)),
      section(5, list([[0x00, leb(memoryPages)]])),
      section(7, list([[text('memory'), 0x02, 0], ...functions.map(({ name }, index) => [text(name), 0x00, index])])),
      section(10, list(functions.map(({ locals, body }) => sized([list(locals.map((type) => [1, type])), body, END])))),
    ]),
  );
}

function section(id: number, content: Code): Code {
  return [id, sized(content)];
}

function sized(content: Code): Code {
  return [leb(flat(content).length), content];
}

function list(items: Code): Code {
  return [leb(items.length), items];
}

function text(value: string): Code {
  return list([...new TextEncoder().encode(value)]);
}

function simd(opcode: number): Code {
  return [SIMD, leb(opcode)];
}

/** Alignment hint 2^0 and offset. */
function memory(offset: number): Code {
  return [0, leb(offset)];
}

/** Unsigned LEB128. */
function leb(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, leb(value >>> 7)];
}

/** Of any safe integer. */
function signedLeb(value: number): Code {
  const lowest = ((value % 128) + 128) % 128;
  const last = value >= -64 && value < 64;
  return last ? [lowest] : [lowest | 128, signedLeb(Math.floor(value / 128))];
}

function float64(value: number): Code {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return [...bytes];
}

function flat(code: Code, bytes: number[] = []): number[] {
  for (const item of code) {
    if (typeof item === 'number') bytes.push(item);
    else flat(item, bytes);
  }
  return bytes;
}
