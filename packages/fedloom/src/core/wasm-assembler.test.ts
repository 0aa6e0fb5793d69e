import { describe, expect, it } from 'vitest';
import {
  assembleModule,
  F64,
  f64Const,
  get,
  I32,
  i32Add,
  i32Const,
  increase,
  lessUnsigned,
  repeat,
  set,
} from './wasm-assembler.js';
import { instantiate } from './wasm-instance.js';

function run<T>(parameters: number[], locals: number[], body: Parameters<typeof repeat>[0]): T | undefined {
  return instantiate<{ f: T }>(assembleModule(1, [{ name: 'f', parameters, locals, body }]))?.f;
}

describe('assembleModule', () => {
  it('writes the bytes of the specification for the smallest module', () => {
    const bytes = assembleModule(1, []);
    expect([...bytes.subarray(0, 8)]).toEqual([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    expect(instantiate<{ memory: { buffer: ArrayBuffer } }>(bytes)!.memory.buffer.byteLength).toBe(65536);
  });

  it('writes loops, locals and constants that run', () => {
    // The loop runs until the local reaches the argument; a wrong encoding would not validate or not end.
    const body = [repeat(increase(1, 1), lessUnsigned(1, 0)), f64Const(0.1), set(2), get(1), set(0)];
    expect(run<(end: number) => void>([I32], [I32, F64], body)!(1000)).toBeUndefined();
  });

  it.each([0, 63, 64, 127, 128, -1, -64, -65, 8191, 65536, 0x7fffffff, -0x80000000])(
    'encodes the integer %i',
    (value) => {
      const memory = instantiate<{ memory: { buffer: ArrayBuffer }; f(): void }>(
        // i32.store of the constant at address 0.
        assembleModule(1, [
          { name: 'f', parameters: [], locals: [], body: [i32Const(0), i32Const(value), 0x36, 0, 0] },
        ]),
      )!;
      memory.f();
      expect(new Int32Array(memory.memory.buffer)[0]).toBe(value);
    },
  );

  it('gives nothing for code that is not valid', () => {
    expect(run([], [], [i32Add])).toBeUndefined();
  });
});
