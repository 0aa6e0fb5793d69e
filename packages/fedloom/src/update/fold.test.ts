import { FedloomError, type Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import type { FoldSpec } from './check-update.js';
import { type IndividualFold, sumFold } from './fold.js';
import type { ClientUpdate } from './stage.js';

const specs: FoldSpec[] = [
  { name: 'a', shape: [2], dtype: 'float32', fold: 'mean' },
  { name: 'n', shape: [], dtype: 'int64', fold: 'mean' },
  { name: 'z', shape: [4], dtype: 'float16', fold: 'keep' },
];
const kept = new Map<string, Tensor>([['z', { dtype: 'float16', shape: [4], data: new Uint16Array(4) }]]);
const update = (client: number, sampleCount: number, value: number): ClientUpdate => ({
  client,
  sampleCount,
  tensors: new Map<string, Tensor>([
    ['a', { dtype: 'float32', shape: [2], data: Float32Array.of(value, -value) }],
    ['n', { dtype: 'int64', shape: [], data: BigInt64Array.of(1n) }],
    ...kept,
  ]),
});

function fold(options: Parameters<typeof sumFold>[0], updates: readonly ClientUpdate[]): number {
  const running = sumFold(options).start(specs, kept);
  for (const each of updates) running.add(each);
  expect(running.count).toBe(updates.length);
  return running.finish().get('a')!.data[0] as number;
}

describe('sumFold', () => {
  const updates = [update(0, 1, 2), update(1, 3, 6)];

  it('weighs by samples, or all alike, or divides by a number known before', () => {
    expect(fold({ weighting: 'samples' }, updates)).toBe(5);
    expect(fold({ weighting: 'uniform' }, updates)).toBe(4);
    expect(fold({ weighting: 'fixed', denominator: 4 }, updates)).toBe(2);
  });

  it('starts the next round afresh', () => {
    const running = sumFold({ weighting: 'samples' }).start(specs, kept);
    running.add(update(0, 1, 100));
    running.reset();
    running.add(update(1, 5, 3));
    expect(running.finish().get('a')!.data[0]).toBe(3);
  });

  it('names the client whose update it refuses', () => {
    const running = sumFold({ weighting: 'samples' }).start(specs, kept);
    expect(() => running.add(update(12, 1, Number.NaN))).toThrow(/update of client 12 holds NaN/);
    expect(running.count).toBe(0);
  });

  it('states its memory, which does not grow with the updates', () => {
    const { memoryBytes } = sumFold({ weighting: 'samples' });
    expect(memoryBytes(specs, 10)).toBe(2 * 20 + 8);
    expect(memoryBytes(specs, 100_000)).toBe(memoryBytes(specs, 10));
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses the fixed denominator %d', (denominator) => {
    expect(() => sumFold({ weighting: 'fixed', denominator })).toThrow(FedloomError);
  });
});

describe('an individual fold', () => {
  it('suits rules that need all updates, such as the coordinate-wise median', () => {
    const median: IndividualFold = {
      kind: 'individual',
      name: 'median',
      weighting: 'uniform',
      memoryBytes: (_specs, updates) => updates * 8,
      combine(updates) {
        const middle = [...updates].sort(
          (a, b) => (a.tensors.get('a')!.data[0] as number) - (b.tensors.get('a')!.data[0] as number),
        );
        return new Map(middle[Math.floor(updates.length / 2)]!.tensors);
      },
    };
    const combined = median.combine([update(0, 1, 5), update(1, 1, 1e9), update(2, 1, 4)], specs, kept);
    expect(combined.get('a')!.data[0]).toBe(5);
  });
});
