import type { Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../core/safetensors.js';
import type { PartialSum } from './fold-contract.js';
import { levelOf, quantum } from './quanta.js';
import { RunningMean } from './running-mean.js';
import { codeOf, contributionOf, fillingValues, specOf, tensorOf } from './testing/contributions.js';

const specs = [
  specOf('w', [2]),
  specOf('slot/w', [2], 'float64', { kind: 'upload' }),
  specOf('n', [], 'int64', { kind: 'buffer' }),
  specOf('top', [1], 'float32', { fold: 'max' }),
];

function meanOf(count: number): RunningMean {
  const mean = new RunningMean(specs, { smallElements: 0 });
  for (let i = 0; i < count; i++) {
    mean.add(
      contributionOf(
        {
          w: tensorOf('float32', [i + 0.1, -i]),
          'slot/w': tensorOf('float64', [1 / (i + 1), 1e-20]),
          n: tensorOf('int64', [i], []),
          top: tensorOf('float32', [i]),
        },
        { weight: i + 1, sampleCount: 7 },
      ),
    );
  }
  return mean;
}

describe('a partial sum', () => {
  it('is plain tensors that survive safetensors', () => {
    const partial = meanOf(3).partial();
    expect([...partial.tensors.keys()]).toEqual([
      'high/mean/slot/w',
      'high/mean/w',
      'integers/mean/n',
      'integers/weights/buffer',
      'integers/weights/trained',
      'levels',
      'load',
      'low/mean/slot/w',
      'low/mean/w',
      'max/top',
      'third/mean/slot/w',
      'units',
    ]);
    const read = decodeSafetensors(encodeSafetensors(partial.tensors));
    expect(read).toEqual(partial.tensors);
    const mean = new RunningMean(specs, { smallElements: 0 });
    mean.merge({ count: 3, tensors: read });
    expect(mean.count).toBe(3);
    expect(mean.finish()).toStrictEqual(meanOf(3).finish());
  });

  it('has memory of its own', () => {
    const mean = meanOf(3);
    const partial = mean.partial();
    const before = encodeSafetensors(partial.tensors);
    mean.merge(partial);
    mean.reset();
    expect(encodeSafetensors(partial.tensors)).toEqual(before);
  });

  it('of nothing adds nothing, and has no maxima', () => {
    const nothing = new RunningMean(specs, { smallElements: 0 }).partial();
    expect(nothing.tensors.has('max/top')).toBe(false);
    const mean = meanOf(2);
    mean.merge(nothing);
    expect(mean.count).toBe(2);
    expect(mean.finish()).toStrictEqual(meanOf(2).finish());
  });

  /** So many updates of values that fill the parts with every one. */
  const full = (count: number): RunningMean => {
    const mean = new RunningMean(specs, { smallElements: 0 });
    for (let i = 0; i < count; i++) {
      mean.add(
        contributionOf({
          w: tensorOf('float32', [2 ** 29, 2 ** 29]),
          'slot/w': tensorOf('float64', fillingValues.slice(0, 2)),
          n: tensorOf('int64', [1], []),
          top: tensorOf('float32', [i % 3]),
        }),
      );
    }
    return mean;
  };

  it('has carries once the parts are full', () => {
    expect(full(224).partial().tensors.has('low-carries/mean/w')).toBe(false);
    const partial = full(225).partial();
    expect(partial.tensors.get('high-carries/mean/slot/w')?.data[0]).toBe(112);
    expect(partial.tensors.get('low-carries/mean/w')?.data[0]).toBe(0);
    const mean = new RunningMean(specs, { smallElements: 0 });
    mean.merge(partial);
    mean.merge(full(3).partial());
    expect(mean.finish()).toStrictEqual(full(228).finish());
  });

  it('has one result, however its sums lie in their parts', () => {
    const single = [specOf('a', [1], 'float64')];
    const mean = new RunningMean(single);
    mean.add(contributionOf({ a: tensorOf('float64', [1]) }));
    const partial = changed(mean.partial(), { load: tensorOf('int32', [2]) });
    const unit = quantum(levelOf(1) - 2);
    const ofParts = (high: number, low: number, third: number) => {
      const other = new RunningMean(single);
      const parts = Object.entries({ high: high * 2 ** 92, low: low * 2 ** 46, third });
      const changes = parts.map(([part, quanta]) => [`${part}/mean/a`, tensorOf('float64', [quanta * unit])] as const);
      other.merge(changed(partial, Object.fromEntries(changes)));
      return Number(other.finish().get('a')?.data[0]) / unit;
    };
    // 2^91 and a little more than half of its last place: what it rounds to depends on the digits that are added.
    expect(Math.abs(ofParts(0, 2 ** 45, 2 ** 38 + 1) - 2 ** 91)).toBeLessThanOrEqual(2 ** 39);
    expect(ofParts(1, -(2 ** 45), 2 ** 38 + 1)).toBe(ofParts(0, 2 ** 45, 2 ** 38 + 1));
    expect(ofParts(1, 1 - 2 ** 45, 2 ** 38 + 1 - 2 ** 46)).toBe(ofParts(0, 2 ** 45, 2 ** 38 + 1));
  });

  const sound = meanOf(3).partial();
  const carried = full(230).partial();
  const changed = (partial: PartialSum, changes: Record<string, Tensor | undefined>, count = partial.count) => {
    const tensors = new Map(partial.tensors);
    for (const [name, tensor] of Object.entries(changes)) {
      if (tensor === undefined) tensors.delete(name);
      else tensors.set(name, tensor);
    }
    return { count, tensors };
  };

  const limbs = (count: number) => tensorOf('int64', new Array(count).fill(1), [count, 1]);

  it.each<[string, PartialSum]>([
    ['a negative count', changed(sound, {}, -1)],
    ['half an update', changed(sound, {}, 1.5)],
    ['maxima of nothing', changed(sound, {}, 0)],
    ['a missing part', changed(sound, { 'low/mean/w': undefined })],
    ['a tensor too many', changed(sound, { extra: tensorOf('float64', [1]) })],
    ['another shape', changed(sound, { 'low/mean/w': tensorOf('float64', [1, 2, 3]) })],
    ['another dtype', changed(sound, { 'low/mean/w': tensorOf('float32', [0, 0]) })],
    ['a level too low', changed(sound, { levels: tensorOf('int32', [25, 1]) })],
    ['a level too high', changed(sound, { levels: tensorOf('int32', [43, 25]) })],
    ['a load too high', changed(sound, { load: tensorOf('int32', [225]) })],
    ['a negative load', changed(sound, { load: tensorOf('int32', [-1]) })],
    ['integers in more limbs than can be', changed(sound, { 'integers/mean/n': limbs(13) })],
    ['integers in no limbs', changed(sound, { 'integers/mean/n': limbs(0) })],
    ['units too large', changed(sound, { units: tensorOf('int32', [0, 331, 0]) })],
    ['units too small', changed(sound, { units: tensorOf('int32', [-331, 0, 0]) })],
    ['NaN', changed(sound, { 'high/mean/w': tensorOf('float64', [0, Number.NaN]) })],
    ['a part beyond its load', changed(sound, { 'third/mean/slot/w': tensorOf('float64', [0, 1]) })],
    ['a maximum that is not finite', changed(sound, { 'max/top': tensorOf('float32', [Number.POSITIVE_INFINITY]) })],
    ['only some of the carries', changed(carried, { 'low-carries/mean/w': undefined })],
    ['carries of more updates than there are', changed(carried, { 'low-carries/mean/w': tensorOf('int32', [0, 231]) })],
  ])('with %s is refused, and nothing is added', (_, partial) => {
    const mean = meanOf(2);
    expect(codeOf(() => mean.merge(partial))).toBe('aggregate.partial');
    expect(mean.count).toBe(2);
    expect(mean.finish()).toStrictEqual(meanOf(2).finish());
  });

  it('of other tensors is refused', () => {
    const other = new RunningMean([specOf('w', [2])], { smallElements: 0 });
    expect(codeOf(() => other.merge(sound))).toBe('aggregate.partial');
  });
});
