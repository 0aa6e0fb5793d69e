import { describe, expect, it } from 'vitest';
import { closest, didYouMean } from './closest.js';

describe('closest', () => {
  it.each([
    ['batchsize', 'batchSize'],
    ['batch_size', 'batchSize'],
    ['optimiser', 'optimizer'],
    ['lokalEpochs', 'localEpochs'],
  ])('takes %s for %s', (word, meant) => {
    expect(closest(word, ['localEpochs', 'batchSize', 'optimizer'])).toBe(meant);
  });

  it('prefers the nearest', () => {
    expect(closest('metrics', ['metric', 'metrics', 'matrices'])).toBe('metrics');
  });

  it('does not guess wildly', () => {
    expect(closest('colour', ['localEpochs', 'batchSize'])).toBeUndefined();
    expect(closest('x', [])).toBeUndefined();
    expect(didYouMean('colour', ['batchSize'])).toBe('');
  });
});
