import { describe, expect, it } from 'vitest';
import { suspectsOf, suspectsText } from './suspects.js';

const sized = (client: number, trained: number, sampleCount = 100, buffer = 0) => ({
  client,
  sampleCount,
  norms: { trained, buffer, upload: 0 },
});

describe('suspects of a void round', () => {
  it('are those that stand out, the most suspicious first, by what stands out most', () => {
    const updates = [sized(0, 1), sized(1, 2), sized(2, 2), sized(3, 6.8e10, 1), sized(4, 68, 1e9), sized(5, 15)];
    expect(suspectsOf(updates)).toEqual([
      { client: 3, measure: 'trained', times: 3.4e10, norm: 6.8e10, sampleCount: 1 },
      { client: 4, measure: 'sampleCount', times: 1e7, norm: 68, sampleCount: 1e9 },
    ]);
  });

  it('are none where all are alike, or nothing was folded', () => {
    expect(suspectsOf([sized(0, 1), sized(1, 9), sized(2, 5)])).toEqual([]);
    expect(suspectsOf([])).toEqual([]);
  });

  it('say what is suspicious in a sentence', () => {
    const suspects = suspectsOf([sized(0, 1, 5, 1), sized(1, 2, 5, 1), sized(2, 2, 1, 1e6), sized(3, 6.8e10, 1, 1)]);
    expect(suspectsText(suspects)).toBe(
      'Suspicious: client 3: its changes are 3.4e+10 times the median (norm 6.8e+10, 1 sample); ' +
        'client 2: its buffers are 1e+6 times the median (norm 1e+6, 1 sample).',
    );
  });
});
