import type { Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import type { FederatedAlgorithm, ServerUpdateInput, ServerUpdateResult } from './algorithm.js';
import { broadcastTensors } from './broadcast.js';
import { defineAlgorithm } from './define-algorithm.js';
import { fedAvg } from './fed-avg.js';
import { scaffold } from './scaffold.js';
import { trainedFloats } from './trained.js';

const trained = new Set(['w']);
const float = (...values: number[]): Tensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});
const halves = (...bits: number[]): Tensor => ({
  dtype: 'float16',
  shape: [bits.length],
  data: Uint16Array.from(bits),
});

function input(model: Map<string, Tensor>, state = new Map<string, Tensor>()): ServerUpdateInput {
  return { round: 4, model, state, aggregate: model, trained, clients: [], totalClients: 2 };
}

function returning(result: ServerUpdateResult): FederatedAlgorithm {
  return defineAlgorithm({ ...fedAvg(), name: 'mine', server: { initialize: () => new Map(), update: () => result } });
}

describe('defineAlgorithm', () => {
  it('freezes what it returns', () => {
    expect(Object.isFrozen(fedAvg())).toBe(true);
    expect(Object.isFrozen(fedAvg().server)).toBe(true);
  });

  const terms = { algorithm: 'mine', scalars: {}, broadcast: [], state: [], upload: [] };
  const finish = () => ({ upload: {}, state: {} });
  it.each<[Partial<FederatedAlgorithm>, RegExp]>([
    [{ name: 'My Algorithm' }, /name must be camel case/],
    [{ citation: ' ' }, /it has no citation/],
    [{ weight: 'samples' as unknown as () => number }, /weight must be a function/],
    [{ client: { needs: ['phase' as 'deltaNorm'] } }, /client.needs holds "phase"/],
    [{ client: { terms: { ...terms, algorithm: 'other' } } }, /terms.algorithm is "other"/],
    [{ client: { terms: { ...terms, broadcast: ['a/b'] } } }, /terms.broadcast must hold camel-case names/],
    [{ client: { terms: { ...terms, upload: ['a', 'a'], finish } } }, /names a slot twice/],
    [{ client: { terms: { ...terms, scalars: { mu: Number.NaN } } } }, /terms.scalars.mu is NaN/],
    [{ client: { terms: { ...terms, scalars: { learningRate: 1 } } } }, /must not hold learningRate/],
    [{ client: { terms: { ...terms, state: ['a'] } } }, /terms.finish must be there exactly where/],
    [{ client: { terms: { ...terms, finish } } }, /terms.finish must be there exactly where/],
  ])('refuses %o', (changes, message) => {
    expect(() => defineAlgorithm({ ...fedAvg(), name: 'mine', ...changes })).toThrow(message);
  });

  it.each<[string, ServerUpdateResult, RegExp]>([
    [
      'a missing parameter',
      { model: new Map(), state: new Map() },
      /server update of round 5: its model lacks tensor "w"/,
    ],
    [
      'a new name',
      {
        model: new Map([
          ['w', float(1)],
          ['v', float(1)],
        ]),
        state: new Map(),
      },
      /its model holds a tensor "v" that/,
    ],
    [
      'another shape',
      { model: new Map([['w', float(1, 2)]]), state: new Map() },
      /has shape \[2\] in tensor "w" where \[1\] is expected/,
    ],
    ['another dtype', { model: new Map([['w', halves(0)]]), state: new Map() }, /has float16 in tensor "w"/],
    [
      'too little data',
      { model: new Map([['w', { ...float(1), data: new Float32Array(0) }]]), state: new Map() },
      /0 elements/,
    ],
    [
      'a value that is not a number',
      { model: new Map([['w', float(Number.NaN)]]), state: new Map() },
      /holds NaN in tensor "w": training diverged/,
    ],
    [
      'new state',
      { model: new Map([['w', float(1)]]), state: new Map([['m/w', float(1)]]) },
      /its state holds a tensor "m\/w"/,
    ],
  ])('refuses a server update that gives %s', (_, result, message) => {
    expect(() => returning(result).server.update(input(new Map([['w', float(1)]])))).toThrow(message);
  });

  it('puts tensors in ascending order of names', () => {
    const model = new Map([
      ['b', float(1)],
      ['a', float(2)],
    ]);
    expect([...fedAvg().server.update(input(model)).model.keys()]).toEqual(['a', 'b']);
  });

  it('finds infinity among float16 bit patterns', () => {
    const update = (bits: number) =>
      returning({ model: new Map([['w', halves(bits)]]), state: new Map() }).server.update(
        input(new Map([['w', halves(0)]])),
      );
    expect(() => update(0x7c00)).toThrow(/holds Infinity/);
    expect(update(0x7bff).model.get('w')).toEqual(halves(0x7bff));
  });

  it('refuses an initial state that lacks a tensor to broadcast', () => {
    const plain = scaffold();
    const broken = { ...plain, server: { ...plain.server, initialize: () => new Map() } };
    expect(() => defineAlgorithm(broken).server.initialize(new Map([['w', float(1)]]), trained)).toThrow(
      /initial state lacks tensor "control\/w"/,
    );
  });
});

describe('broadcastTensors', () => {
  it('takes the slots that travel and no others, names ascending', () => {
    const state = new Map([
      ['control/w', float(1)],
      ['controlled/w', float(2)],
      ['control/b', float(3)],
    ]);
    expect([...broadcastTensors(scaffold(), state).keys()]).toEqual(['control/b', 'control/w']);
    expect(broadcastTensors(fedAvg(), state).size).toBe(0);
  });
});

describe('trainedFloats', () => {
  it('leaves out buffers and what is no float', () => {
    const steps: Tensor = { dtype: 'int64', shape: [1], data: BigInt64Array.of(1n) };
    const model = new Map([
      ['mean', float(1)],
      ['steps', steps],
      ['w', float(1)],
      ['h', halves(0)],
    ]);
    expect([...trainedFloats(model, ['mean'])]).toEqual(['w', 'h']);
  });
});

describe('float16 parameters', () => {
  it('are trained by server optimisers in numbers, not in bit patterns', () => {
    // 1.0; control variates 0.
    const model = new Map([['w', halves(0x3c00)]]);
    const algorithm = scaffold({ serverLearningRate: 0.5 });
    const state = algorithm.server.initialize(model, trained);
    // The clients moved by 1 on average.
    const wide = (value: number): Tensor => ({ dtype: 'float64', shape: [1], data: Float64Array.of(value) });
    const aggregate = new Map([
      ['w', wide(1)],
      ['controlDelta/w', wide(0)],
    ]);
    const next = algorithm.server.update({ ...input(model, state), aggregate });
    expect(next.model.get('w')).toEqual(halves(0x3e00)); // 1.5
  });
});
