import type { Tensor, TensorData } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import type { PayloadSpec, Stage } from '../stage-contract.js';
import type { UpdateSpec } from '../update.js';
import { clip } from './clip.js';
import { chainStages, checkPayload, payloadBytesMax, payloadSpecs, wireSpecs } from './payload-specs.js';
import { topK } from './top-k.js';

const specs: readonly UpdateSpec[] = [
  { name: 'w', dtype: 'float32', shape: [10, 10], fold: 'mean', kind: 'trained' },
  { name: 'b', dtype: 'float32', shape: [7], fold: 'mean', kind: 'trained' },
  { name: 'mean', dtype: 'float32', shape: [3], fold: 'mean', kind: 'buffer' },
  { name: 'steps', dtype: 'int64', shape: [], fold: 'max', kind: 'trained' },
];
const none: Stage = { name: 'none', options: {}, client: (tensors) => ({ tensors }) };
const making = (...payload: PayloadSpec[]): Stage => ({
  name: 'making',
  options: {},
  payload: () => payload,
  client: (tensors) => ({ tensors }),
  server: (tensors) => tensors,
});

describe('chainStages', () => {
  it('marks the trained floats, ascending by name', () => {
    expect(payloadSpecs(specs)).toEqual([
      { name: 'b', dtype: 'float32', shape: [7], trained: true },
      { name: 'mean', dtype: 'float32', shape: [3] },
      { name: 'steps', dtype: 'int64', shape: [] },
      { name: 'w', dtype: 'float32', shape: [10, 10], trained: true },
    ]);
  });

  it('leads from stage to stage to the wire', () => {
    expect(wireSpecs([], specs)).toEqual(payloadSpecs(specs));
    expect(wireSpecs([none], specs)).toEqual(payloadSpecs(specs));
    const { stages, wire } = chainStages([topK({ fraction: 0.1 }), clip({ norm: 1 })], specs);
    expect(wire).toEqual([
      { name: 'mean', dtype: 'float32', shape: [3] },
      { name: 'steps', dtype: 'int64', shape: [] },
      { name: 'topK/indices', dtype: 'int32', shape: [11] },
      { name: 'topK/values', dtype: 'float32', shape: [11], trained: true },
    ]);
    expect(stages.map(({ stage, input, output }) => [stage.name, input.length, output.length])).toEqual([
      ['topK', 4, 4],
      ['clip', 4, 4],
    ]);
    expect(stages[1]?.input).toEqual(wire);
  });

  it('counts the bytes of the largest payload', () => {
    expect(payloadBytesMax(wireSpecs([], specs))).toBe(400 + 28 + 12 + 8);
    expect(payloadBytesMax(wireSpecs([topK({ fraction: 0.1 })], specs))).toBe(11 * 8 + 12 + 8);
    expect(payloadBytesMax([{ name: 'x', dtype: 'uint8', shape: [9], upTo: true }])).toBe(9);
  });

  it.each<[string, RegExp, readonly Stage[]]>([
    ['stage.names', /are both "none"/, [none, none]],
    [
      'stage.names',
      /"a" and "a\/b" begin alike/,
      [
        { ...none, name: 'a/b' },
        { ...none, name: 'a' },
      ],
    ],
    ['stage.order', /Put "topK" before "clip"/, [clip({ norm: 1 }), none, topK({ fraction: 0.5 })]],
    [
      'stage.order',
      /"topK" chooses among/,
      [making({ name: 'x', dtype: 'uint8', shape: [9] }), topK({ fraction: 0.5 })],
    ],
    [
      'stage.definition',
      /lists tensor "x" twice/,
      [making({ name: 'x', dtype: 'uint8', shape: [9] }, { name: 'x', dtype: 'bool', shape: [] })],
    ],
    ['stage.definition', /not one axis/, [making({ name: 'x', dtype: 'uint8', shape: [9, 2], upTo: true })]],
  ])('refuses with %s (%s)', (code, message, stages) => {
    expect(() => chainStages(stages, specs)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('lets names that only begin alike pass', () => {
    expect(() =>
      chainStages([none, { ...none, name: 'noneOther' }, { ...none, name: 'other/none' }], specs),
    ).not.toThrow();
  });
});

describe('checkPayload', () => {
  const declared: readonly PayloadSpec[] = [
    { name: 'a', dtype: 'float32', shape: [2] },
    { name: 'codes', dtype: 'uint8', shape: [4], upTo: true },
  ];
  const tensor = (dtype: Tensor['dtype'], shape: readonly number[], data: TensorData): Tensor => ({
    dtype,
    shape,
    data,
  });
  const a = tensor('float32', [2], new Float32Array(2));
  const codes = (length: number, shape = [length]) => tensor('uint8', shape, new Uint8Array(length));
  const who = { stage: 'code', client: 3, from: 'wire' } as const;

  it.each([0, 1, 4])('takes an axis of %i elements where there may be up to 4', (length) => {
    expect(() =>
      checkPayload(
        new Map([
          ['a', a],
          ['codes', codes(length)],
        ]),
        declared,
        who,
      ),
    ).not.toThrow();
  });

  it.each<[string, Record<string, Tensor>, string, unknown]>([
    ['lacks tensor "a"', { codes: codes(1) }, 'a', undefined],
    ['lacks tensor "codes"', { a }, 'codes', undefined],
    ['where at most [4] is expected', { a, codes: codes(5) }, 'codes', { dtype: 'uint8', shape: [5] }],
    ['where at most [4] is expected', { a, codes: codes(4, [2, 2]) }, 'codes', { dtype: 'uint8', shape: [2, 2] }],
    ['where at most [4] is expected', { a, codes: codes(1, []) }, 'codes', { dtype: 'uint8', shape: [] }],
    ['has 2 elements', { a, codes: codes(2, [3]) }, 'codes', { dtype: 'uint8', shape: [3] }],
    ['has float32 in tensor "codes"', { a, codes: a }, 'codes', { dtype: 'float32', shape: [2] }],
    ['has uint8 in tensor "a"', { a: codes(2), codes: codes(1) }, 'a', { dtype: 'uint8', shape: [2] }],
    ['that was not declared', { a, codes: codes(1), z: a }, 'z', { dtype: 'float32', shape: [2] }],
  ])('refuses what %s', (why, tensors, name, found) => {
    const expected = declared.find((spec) => spec.name === name);
    expect(() => checkPayload(new Map(Object.entries(tensors)), declared, who)).toThrow(
      expect.objectContaining({
        code: 'stage.payload',
        message: expect.stringContaining(why),
        fields: {
          stage: 'code',
          client: 3,
          tensor: name,
          expected: expected && { dtype: expected.dtype, shape: expected.shape },
          found,
        },
      }),
    );
  });

  it('says who broke what', () => {
    const message = (from: 'client' | 'wire' | 'server') => {
      try {
        checkPayload(new Map(), declared, { stage: 'code', client: 3, from });
      } catch (error) {
        return (error as Error).message;
      }
      return 'passed';
    };
    expect(message('client')).toMatch(
      /^Client 3: what the client half of stage "code" made lacks .* breaks what it declares/,
    );
    expect(message('wire')).toMatch(/^Client 3: what it sent for .* must run the same stages/);
    expect(message('server')).toMatch(/^Client 3: what the server half of stage "code" gave back lacks/);
  });
});
