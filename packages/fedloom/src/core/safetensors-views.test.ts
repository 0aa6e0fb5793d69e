import type { NamedTensors, Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import { asSafetensors, copyInSafetensors, SafetensorsViews } from './safetensors-views.js';

/** Of all sizes of elements, in an order that is not theirs in the bytes; one is empty. */
const tensors = (): NamedTensors =>
  new Map<string, Tensor>([
    ['c', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
    ['b', { dtype: 'float32', shape: [2, 1], data: Float32Array.of(1, -2) }],
    ['a', { dtype: 'int64', shape: [], data: BigInt64Array.of(3n) }],
    ['d', { dtype: 'float64', shape: [0], data: new Float64Array(0) }],
    ['e', { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) }],
  ]);

describe.each([
  ['SafetensorsViews', (tensors: NamedTensors) => new SafetensorsViews().of(tensors)],
  ['copyInSafetensors', copyInSafetensors],
])('%s', (_, inBytes) => {
  it('gives the same tensors, in their order, as views of the bytes that encodeSafetensors makes', () => {
    const made = inBytes(tensors());
    expect([...made.tensors]).toEqual([...tensors()]);
    expect(made.bytes).toEqual(encodeSafetensors(tensors()));
    for (const { data } of made.tensors.values()) expect(data.buffer).toBe(made.bytes.buffer);
    (made.tensors.get('b')?.data as Float32Array)[1] = 7;
    expect(decodeSafetensors(made.bytes).get('b')?.data).toEqual(Float32Array.of(1, 7));
  });

  it('copies tensors of other memory', () => {
    const given = tensors();
    const made = inBytes(given);
    for (const { data } of given.values()) data instanceof BigInt64Array ? data.fill(9n) : data.fill(9);
    expect(made.tensors.get('b')?.data).toEqual(Float32Array.of(1, -2));
  });
});

describe('SafetensorsViews', () => {
  it('takes tensors that lie in their bytes as they are', () => {
    const made = new SafetensorsViews().of(tensors());
    const again = new SafetensorsViews().of(made.tensors);
    expect(again.bytes.buffer).toBe(made.bytes.buffer);
    expect(again).toEqual(made);
    const read = decodeSafetensors(made.bytes);
    expect(new SafetensorsViews().of(read).bytes.buffer).toBe(made.bytes.buffer);
  });

  it('has room for tensors that are to come, and copies those that do not lie there', () => {
    const views = new SafetensorsViews();
    const room = views.room(tensors());
    const [given, placed] = [tensors(), room.tensors.get('b') as Tensor];
    (placed.data as Float32Array).set([1, -2]);
    const made = views.of(new Map([...given, ['b', placed]]), room);
    expect([made.bytes, [...made.tensors.keys()]]).toEqual([encodeSafetensors(tensors()), [...tensors().keys()]]);
    expect(made.bytes.buffer).toBe(room.bytes.buffer);
    expect([...made.tensors]).toEqual([...tensors()]);
    for (const { data } of made.tensors.values()) expect(data.buffer).toBe(room.bytes.buffer);
  });

  it('takes no room of other tensors', () => {
    const views = new SafetensorsViews();
    const room = views.room(tensors());
    const others = new Map<string, Tensor>([['w', { dtype: 'float32', shape: [1], data: Float32Array.of(1) }]]);
    const made = views.of(others, room);
    expect(made.bytes).toEqual(encodeSafetensors(others));
    expect(made.bytes.buffer).not.toBe(room.bytes.buffer);
  });

  it('refuses what cannot be encoded', () => {
    const wrong = new Map<string, Tensor>([['w', { dtype: 'float32', shape: [2], data: new Float32Array(3) }]]);
    expect(() => new SafetensorsViews().of(wrong)).toThrow(expect.objectContaining({ code: 'safetensors.tensor' }));
  });
});

describe('copyInSafetensors', () => {
  it('copies what lies in its bytes too', () => {
    const made = copyInSafetensors(tensors());
    const again = copyInSafetensors(made.tensors);
    expect(again.bytes.buffer).not.toBe(made.bytes.buffer);
    expect(again).toEqual(made);
  });
});

describe('asSafetensors', () => {
  it('gives the bytes that the tensors are views of', () => {
    const made = copyInSafetensors(tensors());
    expect(asSafetensors(made.tensors)).toEqual(made.bytes);
    expect(asSafetensors(made.tensors).buffer).toBe(made.bytes.buffer);
  });

  const made = copyInSafetensors(tensors());
  const bytesWithout = (name: string) => new Map([...made.tensors].filter(([other]) => other !== name));
  const moved = copyInSafetensors(tensors());
  moved.bytes.set([0x20], 8);
  const renamed = new Map([...made.tensors].map(([name, tensor]) => [name === 'b' ? 'f' : name, tensor]));
  const halves = new Map<string, Tensor>([
    ...made.tensors,
    ['b', { dtype: 'float32', shape: [1, 2], data: made.tensors.get('b')?.data as Float32Array }],
  ]);
  const elsewhere = new Map([...made.tensors, ['b', tensors().get('b') as Tensor]]);
  it.each<[string, NamedTensors]>([
    ['lack one of these', bytesWithout('c')],
    ['have no header there any more', moved.tensors],
    ['have other names', renamed],
    ['have other shapes', halves],
    ['lie elsewhere, one of them', elsewhere],
    ['are none', new Map()],
    ['lie in no bytes', tensors()],
  ])('encodes tensors that %s', (_, given) => {
    const bytes = asSafetensors(given);
    expect(bytes).toEqual(encodeSafetensors(given));
    for (const { data } of given.values()) expect(data.buffer).not.toBe(bytes.buffer);
  });
});
