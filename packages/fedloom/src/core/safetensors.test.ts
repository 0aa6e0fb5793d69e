import { allocate, bytesPerElement, type DType, elementCount, FedloomError, type Tensor } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sortedTensors } from './params.js';
import {
  decodeSafetensors,
  defaultSafetensorsLimits,
  encodeSafetensors,
  safetensorsDecoder,
  safetensorsEncoder,
} from './safetensors.js';

const float32 = (shape: number[], ...values: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});

function fileOf(header: unknown, data = new Uint8Array(), pad = 0): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + pad + data.length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length + pad), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length + pad);
  return bytes;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof FedloomError) return error.code;
    throw error;
  }
  return 'nothing';
}

describe('an encoder and a decoder that remember', () => {
  const variants: ReadonlyMap<string, Tensor>[] = [
    new Map([['a', float32([2], 1, -1)]]),
    new Map([['a', float32([2], 5, 6)]]),
    new Map([['a', float32([1, 2], 5, 6)]]),
    new Map([['b', float32([2], 1, -1)]]),
    new Map([
      ['b', float32([], 3)],
      ['a', float32([2], 1, -1)],
    ]),
    new Map([
      ['a', float32([2], 1, -1)],
      ['b', float32([], 4)],
    ]),
    new Map([['a', { dtype: 'int32', shape: [2], data: Int32Array.of(1, 2) }]]),
    new Map(),
  ];

  it('give the same as fresh ones, whatever came before', () => {
    const order = fc.array(fc.integer({ min: 0, max: variants.length - 1 }), { maxLength: 12 });
    fc.assert(
      fc.property(order, (places) => {
        const [encode, decode] = [safetensorsEncoder(), safetensorsDecoder()];
        for (const place of places) {
          const tensors = variants[place]!;
          const bytes = encode(tensors);
          expect(bytes).toEqual(encodeSafetensors(tensors));
          expect(decode(bytes)).toEqual(decodeSafetensors(bytes));
        }
      }),
    );
  });

  it('refuse what fresh ones refuse, and forget nothing over it', () => {
    const decode = safetensorsDecoder();
    const bytes = encodeSafetensors(variants[0]!);
    decode(bytes);
    expect(codeOf(() => decode(bytes.subarray(0, bytes.length - 1)))).toBe('safetensors.tensor');
    expect(codeOf(() => decode(bytes.subarray(0, 20)))).toBe('safetensors.header');
    const bool = encodeSafetensors(new Map([['a', { dtype: 'bool', shape: [2], data: Uint8Array.of(0, 1) }]]));
    decode(bool);
    bool[bool.length - 1] = 2;
    expect(codeOf(() => decode(bool))).toBe('safetensors.tensor');
    expect(decode(bytes)).toEqual(decodeSafetensors(bytes));
    const encode = safetensorsEncoder();
    encode(variants[0]!);
    expect(codeOf(() => encode(new Map([['a', float32([2], 1)]])))).toBe('safetensors.tensor');
  });
});

describe('encodeSafetensors', () => {
  it('writes the header with sorted names and padding, then the data', () => {
    const bytes = encodeSafetensors(
      new Map([
        ['b', float32([], 2)],
        ['a', float32([2], 1, -1)],
      ]),
    );
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
    expect(header.trimEnd()).toBe(
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}',
    );
    expect(length % 8).toBe(0);
    expect([...new Float32Array(bytes.buffer, 8 + length)]).toEqual([1, -1, 2]);
  });

  it('lays larger elements first, so that all are aligned without holes', () => {
    const tensors = new Map<string, Tensor>([
      ['a', { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
      ['b', { dtype: 'float64', shape: [1], data: Float64Array.of(0.5) }],
      ['c', { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) }],
    ]);
    const bytes = encodeSafetensors(tensors);
    for (const [name, tensor] of decodeSafetensors(bytes)) {
      expect(tensor).toEqual(tensors.get(name));
      expect(tensor.data.buffer).toBe(bytes.buffer);
    }
  });

  it('writes equal bytes for equal tensors, however they are inserted', () => {
    const forward = new Map([
      ['a', float32([1], 1)],
      ['b', float32([1], 2)],
    ]);
    expect(encodeSafetensors(new Map([...forward].reverse()))).toEqual(encodeSafetensors(forward));
  });

  it('refuses tensors that would not decode', () => {
    expect(codeOf(() => encodeSafetensors(new Map([['a', float32([3], 1)]])))).toBe('safetensors.tensor');
    expect(codeOf(() => encodeSafetensors(new Map([['__metadata__', float32([], 1)]])))).toBe('safetensors.tensor');
  });
});

const dtypes = Object.keys(bytesPerElement) as DType[];
const tensor = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(4), { maxLength: 3 }), seed: fc.nat(255) })
  .map(({ dtype, shape, seed }): Tensor => {
    const data = allocate(dtype, elementCount(shape));
    new Uint8Array(data.buffer).forEach((_, i, bytes) => {
      bytes[i] = dtype === 'bool' ? (seed + i) % 2 : (seed * 31 + i * 7) % 120;
    });
    return { dtype, shape, data };
  });

describe('decodeSafetensors', () => {
  it('gives back what was encoded, at any alignment', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), tensor), fc.nat(9), (dictionary, shift) => {
        const tensors = sortedTensors(Object.entries(dictionary).filter(([name]) => name !== '__metadata__'));
        const encoded = encodeSafetensors(tensors);
        const shifted = new Uint8Array(encoded.length + shift).subarray(shift);
        shifted.set(encoded);
        const decoded = decodeSafetensors(shifted);
        expect([...decoded.keys()]).toEqual([...tensors.keys()]);
        expect(decoded).toEqual(tensors);
      }),
      { numRuns: 50 },
    );
  });

  it('reads shared memory', () => {
    const encoded = encodeSafetensors(new Map([['a', float32([2], 1, 2)]]));
    const shared = new Uint8Array(new SharedArrayBuffer(encoded.length));
    shared.set(encoded);
    expect([...decodeSafetensors(shared).get('a')!.data]).toEqual([1, 2]);
  });

  it('reads other writers’ files: metadata, no padding, any order of names', () => {
    const header = {
      __metadata__: { format: 'pt' },
      b: { dtype: 'U8', shape: [1], data_offsets: [4, 5] },
      a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
    };
    const decoded = decodeSafetensors(fileOf(header, Uint8Array.of(0, 0, 128, 63, 9)));
    expect([...decoded.keys()]).toEqual(['a', 'b']);
    expect(decoded.get('a')!.data[0]).toBe(1);
    expect(decoded.get('b')!.data[0]).toBe(9);
  });

  const item = (changes: object) => ({ t: { dtype: 'F32', shape: [1], data_offsets: [0, 4], ...changes } });
  const four = new Uint8Array(4);
  /** What is nested so deeply can be read, and not be written again. */
  const nestedIn = (field: string) =>
    fileOf(
      `{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"${field}":${'['.repeat(10_000)}${']'.repeat(10_000)}}}`,
      four,
    );
  it.each<[string, string, Uint8Array]>([
    ['safetensors.header', 'nothing', new Uint8Array()],
    ['safetensors.header', 'half a length', new Uint8Array(7)],
    ['safetensors.header', 'a header cut off', fileOf(item({})).subarray(0, 20)],
    ['safetensors.header', 'no JSON', fileOf('{"t":')],
    ['safetensors.header', 'bytes that are no UTF-8', fileOf('{}', Uint8Array.of(0xff), 0).fill(0xff, 8, 10)],
    ['safetensors.header', 'a list', fileOf([])],
    ['safetensors.header', 'null', fileOf('null')],
    ['safetensors.header', 'bytes behind the tensors', fileOf(item({}), new Uint8Array(5))],
    ['safetensors.header', 'data without tensors', fileOf({}, four)],
    ['safetensors.tensor', 'a tensor that is no object', fileOf({ t: 3 }, four)],
    ['safetensors.tensor', 'an unknown dtype', fileOf(item({ dtype: 'BF16' }), four)],
    ['safetensors.tensor', 'a dtype from the prototype', fileOf(item({ dtype: 'constructor' }), four)],
    ['safetensors.tensor', 'a shape that is no list', fileOf(item({ shape: 1 }), four)],
    ['safetensors.tensor', 'a dtype of many lists in one another', nestedIn('dtype')],
    ['safetensors.tensor', 'a shape of many lists in one another', nestedIn('shape')],
    ['safetensors.tensor', 'offsets of many lists in one another', nestedIn('data_offsets')],
    ['safetensors.tensor', 'a negative extent', fileOf(item({ shape: [-1] }), four)],
    ['safetensors.tensor', 'a broken extent', fileOf(item({ shape: [0.5] }), four)],
    ['safetensors.tensor', 'a shape of another size', fileOf(item({ shape: [2] }), four)],
    ['safetensors.tensor', 'a shape beyond all numbers', fileOf(item({ shape: [2 ** 52, 2 ** 52, 2 ** 52] }), four)],
    ['safetensors.tensor', 'one offset', fileOf(item({ data_offsets: [0] }), four)],
    ['safetensors.tensor', 'offsets the wrong way round', fileOf(item({ data_offsets: [4, 0] }), four)],
    ['safetensors.tensor', 'offsets beyond the data', fileOf(item({ data_offsets: [4, 8] }), four)],
    ['safetensors.tensor', 'a bool of 2', fileOf(item({ dtype: 'BOOL', data_offsets: [0, 1] }), Uint8Array.of(2))],
    ['safetensors.tensor', 'a hole', fileOf(item({ data_offsets: [4, 8] }), new Uint8Array(8))],
    [
      'safetensors.tensor',
      'an overlap',
      fileOf({ ...item({}), u: { dtype: 'F32', shape: [1], data_offsets: [2, 6] } }, new Uint8Array(6)),
    ],
    ['safetensors.limit', 'too many axes', fileOf(item({ shape: new Array(9).fill(1) }), four)],
    ['safetensors.limit', 'a long name', fileOf({ ['n'.repeat(600)]: item({}).t }, four)],
    ['safetensors.limit', 'a header of 2^60 bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 16, 1, 2)],
  ])('refuses with %s %s', (code, _what, bytes) => {
    expect(codeOf(() => decodeSafetensors(bytes))).toBe(code);
  });

  it('refuses more tensors than allowed', () => {
    const bytes = encodeSafetensors(
      new Map([
        ['a', float32([], 1)],
        ['b', float32([], 1)],
      ]),
    );
    expect(codeOf(() => decodeSafetensors(bytes, { ...defaultSafetensorsLimits, tensorsMax: 1 }))).toBe(
      'safetensors.limit',
    );
  });

  it('answers random damage with a FedloomError or with tensors, and with nothing else', () => {
    const encoded = encodeSafetensors(
      new Map([
        ['a', float32([2], 1, 2)],
        ['b', float32([1, 1], 3)],
      ]),
    );
    fc.assert(
      fc.property(fc.nat(encoded.length - 1), fc.nat(255), fc.nat(encoded.length), (at, value, length) => {
        const damaged = encoded.slice(0, length);
        if (at < length) damaged[at] = value;
        expect(codeOf(() => decodeSafetensors(damaged))).toMatch(/^(safetensors\.\w+|nothing)$/);
      }),
      { numRuns: 300 },
    );
  });
});
