import { isFedloomError } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import type { SizedUpdate } from '../../update/usual-update.js';
import { type BoundOptions, UpdateBounds, type UpdateBoundsOptions } from './update-bounds.js';

function sized(client: number, trained: number, over: Partial<SizedUpdate['norms'] & { sampleCount: number }> = {}) {
  const { sampleCount = 100, buffer = 0, upload = 0 } = over;
  return { client, sampleCount, norms: { trained, buffer, upload } };
}

/** Bounds after rounds of three such updates each. */
function after(rounds: readonly number[], given: BoundOptions, over: Partial<UpdateBoundsOptions> = {}): UpdateBounds {
  const bounds = new UpdateBounds({ given, ...over });
  for (const trained of rounds) {
    const { usual } = bounds.judge(
      0,
      [0, 1, 2].map((client) => sized(client, trained, { buffer: 2, upload: 4 })),
    );
    if (usual !== null) bounds.accept(usual);
  }
  return bounds;
}

function refusal(bounds: UpdateBounds, update: SizedUpdate): string | undefined {
  try {
    bounds.check(update);
    return undefined;
  } catch (error) {
    if (isFedloomError(error, 'update.norm') || isFedloomError(error, 'update.sample-count')) return error.code;
    throw error;
  }
}

describe('an update beside the rounds before', () => {
  const bounds = after([1, 1, 1], { updateNormMax: '10x', sampleCountMax: '5x' });

  it.each<[string, SizedUpdate, string | undefined]>([
    ['as large as is allowed', sized(7, 10, { sampleCount: 500 }), undefined],
    ['a little larger', sized(7, 10.001), 'update.norm'],
    ['finite and huge', sized(7, 6.8e10, { sampleCount: 1 }), 'update.norm'],
    ['with huge buffers', sized(7, 1, { buffer: 21 }), 'update.norm'],
    ['with huge uploads', sized(7, 1, { upload: 41 }), 'update.norm'],
    ['that claims a billion samples', sized(7, 1, { sampleCount: 1e9 }), 'update.sample-count'],
    ['that is nothing', sized(7, 0, { sampleCount: 1 }), undefined],
  ])('%s', (_, update, expected) => {
    expect(refusal(bounds, update)).toBe(expected);
  });

  it('is told by how much it is too large', () => {
    expect(() => bounds.check(sized(7, 2e6))).toThrow(
      expect.objectContaining({
        message:
          'The update of client 7 has a norm of 2e+6 in its trained parameters: that is 2e+6 times what was usual in the ' +
          'last rounds, and 10 times is allowed here.',
        fields: { who: 'client 7', part: 'trained', norm: 2e6, normMax: 10 },
      }),
    );
  });

  it('by numbers alone, there is nothing to wait for; the less of two bounds holds', () => {
    expect(refusal(after([], { updateNormMax: 5, sampleCountMax: '200' }), sized(7, 5.1))).toBe('update.norm');
    expect(refusal(after([], { sampleCountMax: '200' }), sized(7, 1, { sampleCount: 201 }))).toBe(
      'update.sample-count',
    );
    expect(refusal(after([1], { updateNormMax: '10x,3' }), sized(7, 3.1))).toBe('update.norm');
    expect(refusal(after([1], { updateNormMax: '2x,3' }), sized(7, 2.1))).toBe('update.norm');
    // Of buffers nobody said a number.
    expect(refusal(after([], { updateNormMax: 5 }), sized(7, 1, { buffer: 1e6 }))).toBeUndefined();
  });

  it('by default only what no training comes to is refused, and with none nothing', () => {
    expect(refusal(after([1], {}), sized(7, 999, { sampleCount: 1e9 }))).toBeUndefined();
    expect(refusal(after([1], {}), sized(7, 1001))).toBe('update.norm');
    expect(refusal(after([1], { updateNormMax: 'none' }), sized(7, 1e300))).toBeUndefined();
  });

  it('follows the last ten rounds, by the median: a few large ones move it little', () => {
    const larger = after([...new Array(20).fill(1), ...new Array(6).fill(100)], { updateNormMax: '10x' });
    expect(refusal(larger, sized(7, 999))).toBeUndefined();
    expect(refusal(after([1, 1, 1, 1, 100, 100, 100], { updateNormMax: '10x' }), sized(7, 11))).toBe('update.norm');
  });

  it('what is usually 0 is no measure', () => {
    expect(refusal(after([0, 0], { updateNormMax: '10x' }), sized(7, 5))).toBeUndefined();
  });

  it('is compared only with three or more', () => {
    const bounds = new UpdateBounds({ given: { updateNormMax: '10x' } });
    const count = (updates: number) => bounds.accept({ updates, ...sized(0, 1) });
    count(2);
    expect(refusal(bounds, sized(7, 100))).toBeUndefined();
    count(1);
    expect(refusal(bounds, sized(7, 100))).toBe('update.norm');
  });

  it('goes on after a restart as before it', () => {
    const { usual } = new UpdateBounds({ given: {} }).judge(0, [sized(0, 1), sized(1, 2), sized(2, 3)]);
    const resumed = new UpdateBounds({ given: { updateNormMax: '10x' }, usual: usual === null ? [] : [usual] });
    expect(refusal(resumed, sized(7, 21))).toBe('update.norm');
    expect(refusal(resumed, sized(7, 19))).toBeUndefined();
  });

  it('of a replay is not judged, nor are its rounds: it is decided', () => {
    const bounds = after([1], { updateNormMax: '10x' }, { replayed: { outlierRounds: new Set([4]) } });
    expect(refusal(bounds, sized(7, 100))).toBeUndefined();
    const alike = [sized(0, 1), sized(1, 1), sized(2, 1)];
    expect([3, 4].map((round) => bounds.judge(round, alike).outliers.length)).toEqual([0, 3]);
  });
});

describe('the first round, when it closes', () => {
  const updates = [sized(0, 1), sized(1, 2), sized(2, 3), sized(3, 6.8e10, { sampleCount: 1 })];

  it('is judged by its own median, in whatever order they came', () => {
    for (const given of [updates, updates.toReversed()]) {
      const { outliers, usual } = new UpdateBounds({ given: {} }).judge(0, given);
      expect(outliers.map(({ client }) => client)).toEqual([3]);
      expect(usual).toEqual({ updates: 3, sampleCount: 100, norms: { trained: 2, buffer: 0, upload: 0 } });
    }
  });

  it('claims too', () => {
    const claims = [sized(0, 1), sized(1, 1), sized(2, 1, { sampleCount: 1e9 })];
    const { outliers } = new UpdateBounds({ given: { sampleCountMax: '100x' } }).judge(0, claims);
    expect(outliers.map(({ client }) => client)).toEqual([2]);
  });

  it('is not judged by fewer than three, by a fold that bears outliers, or once there is something to compare with', () => {
    const judged = (bounds: UpdateBounds, given = updates) => bounds.judge(0, given).outliers.length;
    expect(judged(new UpdateBounds({ given: {} }), updates.slice(2))).toBe(0);
    expect(judged(new UpdateBounds({ given: {}, isRobust: true }))).toBe(0);
    expect(judged(new UpdateBounds({ given: { updateNormMax: 'none' } }))).toBe(0);
    expect(judged(after([1], {}))).toBe(0);
  });
});

it('a bound that is none is refused by name', () => {
  expect(() => new UpdateBounds({ given: { updateNormMax: 'ten' } })).toThrow(/updateNormMax is "ten"/);
});
