import type { Tensor } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FederatedAlgorithm, ServerUpdateInput } from '../../algorithms/algorithm.js';
import { fedAvg } from '../../algorithms/fed-avg.js';
import { versionNumber } from '../../core/brands.js';
import { sha256 } from '../../core/node/sha256.js';
import { decodeSafetensors } from '../../core/safetensors.js';
import { tensorsOf, workloadOf } from './testing/federation-under-test.js';
import { Versions, type VersionsOptions } from './versions.js';

const versionsOf = (over: Partial<VersionsOptions> = {}) =>
  new Versions({ workload: workloadOf(), algorithm: fedAvg(), totalClients: 2, hash: sha256, ...over });

/** One server update: every weight of the model rises by this. */
const rise = (versions: Versions, round: number, by: number) =>
  versions.update(round, new Map([['w', { dtype: 'float64', shape: [2], data: Float64Array.of(by, by) }]]), [
    { client: 0, facts: { sampleCount: 1, stepCount: 1 }, weight: 1, scalars: {} },
  ]);

describe('Versions', () => {
  it('may be dropped in any order; the newest stays, and who asks for one that is gone hears of it', () => {
    const made = 6;
    fc.assert(
      fc.property(fc.shuffledSubarray(Array.from({ length: made + 1 }, (_, i) => i)), (dropped) => {
        const versions = versionsOf();
        const all = [versions.newest, ...Array.from({ length: made }, (_, round) => rise(versions, round, 1))];
        for (const number of dropped) versions.drop(versionNumber(number));
        for (const { version } of all) {
          const kept = !dropped.includes(version.number) || version.number === made;
          expect(versions.find(version) !== undefined).toBe(kept);
          expect(versions.holds(version.hash)).toBe(kept);
          if (kept) expect(versions.at(version.number).version).toEqual(version);
          else expect(() => versions.at(version.number)).toThrow(`version ${version.number} was dropped`);
        }
        expect(versions.newest.version.number).toBe(made);
      }),
    );
  });

  it('finds one by model, number and hash together', () => {
    const versions = versionsOf();
    const { version } = rise(versions, 0, 1);
    expect(versions.find(version)?.version).toEqual(version);
    for (const other of [
      { model: 'other' },
      { number: versionNumber(0) },
      { number: versionNumber(7) },
      { hash: versions.at(versionNumber(0)).hash },
    ]) {
      expect(versions.find({ ...version, ...other })).toBeUndefined();
    }
  });

  it('is taken back when its round is void: the one before is the newest again, state included', () => {
    const versions = versionsOf();
    const before = rise(versions, 0, 1);
    const { version } = rise(versions, 1, 5);
    versions.takeBack();
    expect([versions.newest, versions.find(version), versions.numbers]).toEqual([before, undefined, [0, 1]]);
    const next = rise(versions, 2, 1);
    expect([next.version.number, next.model.get('w')?.data]).toEqual([2, Float32Array.of(2, 2)]);
    versions.takeBack();
    expect(() => versions.takeBack()).toThrow('no version before');
  });

  it('is a candidate until it is accepted or taken back', () => {
    const versions = versionsOf();
    const first = versions.newest;
    const candidate = rise(versions, 0, 1);
    expect(versions.accepted).toBe(first);
    versions.accept();
    expect(versions.accepted).toBe(candidate);
    rise(versions, 1, 1);
    versions.takeBack();
    expect(versions.accepted).toBe(candidate);
  });

  it('still holds a model that one of two equal versions is of', () => {
    const versions = versionsOf();
    const { hash } = rise(versions, 0, 1);
    rise(versions, 1, 0);
    versions.drop(versionNumber(1));
    expect([versions.holds(hash), versions.find({ model: 'model', number: versionNumber(1), hash })]).toEqual([
      true,
      undefined,
    ]);
    rise(versions, 2, 1);
    versions.drop(versionNumber(2));
    expect(versions.holds(hash)).toBe(false);
  });

  it('keeps what is frozen apart: no body holds it, the algorithm does not see it, the whole model has it', () => {
    const tensor = (...values: number[]): Tensor => ({
      dtype: 'float32',
      shape: [2],
      data: Float32Array.of(...values),
    });
    const initialModel = new Map([
      ['a', tensor(7, 8)],
      ['w', tensor(0, 0)],
    ]);
    const seen: string[][] = [];
    const algorithm = fedAvg();
    const server = {
      ...algorithm.server,
      update: (input: ServerUpdateInput) => {
        seen.push([...input.model.keys()]);
        return algorithm.server.update(input);
      },
    };
    const workload = workloadOf({ takeInitialModel: () => initialModel, frozen: new Set(['a']) });
    const versions = versionsOf({ workload, algorithm: { ...algorithm, server } });
    const first = versions.newest;
    const next = rise(versions, 0, 1);
    for (const { bytes, model } of [first, next])
      expect([...decodeSafetensors(bytes).keys(), ...model.keys()]).toEqual(['w', 'w']);
    expect([seen, next.frozen]).toEqual([[['w']], versions.frozen]);
    expect(decodeSafetensors(versions.frozen?.bytes ?? new Uint8Array())).toEqual(new Map([['a', tensor(7, 8)]]));
    expect([...versions.wholeModel(next)]).toEqual([
      ['a', tensor(7, 8)],
      ['w', tensor(1, 1)],
    ]);
    // Where a run goes on, those of its journal, whatever the model is that the task begins with now.
    const resumed = { number: versionNumber(5), model: tensorsOf(1, 2), state: new Map() };
    const later = versionsOf({ workload, resumed, frozen: new Map([['a', tensor(1, 1)]]) });
    expect(later.wholeModel(later.newest).get('a')).toEqual(tensor(1, 1));
  });

  it('is held once: its tensors, those of the state that travel too, are views of its bytes', () => {
    const slots = (w: Tensor): [string, Tensor][] => ['control', 'own'].map((slot) => [`${slot}/w`, w]);
    const algorithm: FederatedAlgorithm = {
      ...fedAvg(),
      client: { terms: { algorithm: 'fedAvg', scalars: {}, broadcast: ['control'], state: [], upload: [] } },
      server: {
        initialize: (model) => new Map(slots(model.get('w') as Tensor)),
        update: ({ model, state }) => ({ model: new Map(model), state: new Map(state) }),
      },
    };
    const versions = versionsOf({ algorithm });
    for (const { bytes, tensors, model, state } of [versions.newest, rise(versions, 0, 1)]) {
      expect([...tensors.keys(), ...model.keys(), ...state.keys()]).toEqual([
        'w',
        'control/w',
        'w',
        'control/w',
        'own/w',
      ]);
      for (const [name, { data }] of tensors) {
        expect(data.buffer).toBe(bytes.buffer);
        expect((model.get(name) ?? state.get(name))?.data).toBe(data);
      }
    }
  });

  it('keeps nothing of an aggregate, whose memory is used again', () => {
    const algorithm: FederatedAlgorithm = {
      ...fedAvg(),
      server: {
        initialize: () => new Map([['last/w', { dtype: 'float64', shape: [2], data: new Float64Array(2) }]]),
        update: ({ model, aggregate }) => ({
          model: new Map(model),
          state: new Map([['last/w', aggregate.get('w') as Tensor]]),
        }),
      },
    };
    const versions = versionsOf({ algorithm });
    const data = Float64Array.of(1, 2);
    const { state } = versions.update(0, new Map([['w', { dtype: 'float64', shape: [2], data }]]), []);
    data.fill(0);
    expect(state.get('last/w')?.data).toEqual(Float64Array.of(1, 2));
  });

  it('has no next version when the server update fails', () => {
    const versions = versionsOf({ workload: workloadOf({ takeInitialModel: () => tensorsOf(3e38, 0) }) });
    expect(() => rise(versions, 0, 3e38)).toThrow('server update of round 1');
    expect(versions.newest.version.number).toBe(0);
    expect(rise(versions, 0, 1).version.number).toBe(1);
  });

  it('goes on from the version that was written down', () => {
    const versions = versionsOf({ resumed: { number: versionNumber(5), model: tensorsOf(1, 2), state: new Map() } });
    expect(versions.newest.version.number).toBe(5);
    expect(rise(versions, 5, 1).version.number).toBe(6);
  });

  it('computes scalars of a version once, when somebody starts from it', () => {
    const asked: number[] = [];
    const scalarsOf = (round: number) => {
      asked.push(round);
      return { learningRate: 1 / (round + 1) };
    };
    const versions = versionsOf({ workload: workloadOf({ scalars: { mu: 1 }, scalarsOf }) });
    const next = rise(versions, 0, 1);
    expect([next.scalars, next.scalars, asked]).toEqual([{ mu: 1, learningRate: 0.5 }, next.scalars, [1]]);
  });
});
