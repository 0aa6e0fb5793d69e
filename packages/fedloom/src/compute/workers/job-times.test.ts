import { describe, expect, it } from 'vitest';
import { BATCH_MAX, JobTimes } from './job-times.js';

describe('JobTimes', () => {
  it('makes batches of what jobs are expected to take, then of what they took', () => {
    const times = new JobTimes(0.1);
    expect(times.someCame).toBe(false);
    times.came(20);
    expect(times.someCame).toBe(true);
    expect(times.batchSize).toBe(5);
    for (let i = 0; i < 30; i += 1) {
      times.took(1.5, 100);
      times.came(20);
    }
    expect(times.expectedMs(20)).toBeCloseTo(0.3);
    expect(times.batchSize).toBe(33);
  });

  it('makes batches of one to BATCH_MAX', () => {
    const long = new JobTimes(1);
    long.came(1000);
    expect(long.batchSize).toBe(1);
    const short = new JobTimes(1e-6);
    short.came(1);
    expect(short.batchSize).toBe(BATCH_MAX);
  });

  it('learns nothing from batches in which nothing was done', () => {
    const times = new JobTimes(0.1);
    times.took(5, 0);
    times.took(0, 7);
    expect(times.expectedMs(1)).toBe(0.1);
  });
});
