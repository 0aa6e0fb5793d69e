import { expect, test } from 'vitest';
import { CallSizer, callMillisecondsTarget } from './call-sizer.js';

/** Runs calls of a machine that takes so long for each step; how long the calls took. */
function callTimes(sizer: CallSizer, millisecondsPerStep: number, calls: number): number[] {
  return Array.from({ length: calls }, () => {
    const milliseconds = sizer.stepsPerCall * millisecondsPerStep;
    sizer.record(sizer.stepsPerCall, milliseconds);
    return milliseconds;
  });
}

test.each([
  ['an ordinary machine', 0.2, 1e7],
  ['a machine a hundred times slower than assumed', 1000, 1e7],
  ['a step that takes longer than a call should', 450, 4e8],
  ['an estimate of no work at all', 0.01, 0],
])('settles at the target on %s', (_, millisecondsPerStep, stepFlops) => {
  const times = callTimes(new CallSizer(stepFlops, 1), millisecondsPerStep, 20);
  const expected = Math.max(millisecondsPerStep, callMillisecondsTarget);
  expect(Math.abs(times.at(-1)! - expected)).toBeLessThan(Math.max(millisecondsPerStep, expected / 10));
});

test('the first call is short on any machine of today, and calls grow step by step', () => {
  // 5 GFLOP/s
  const times = callTimes(new CallSizer(1e6, 1), 0.2, 5);
  expect(times[0]).toBeLessThan(callMillisecondsTarget);
  for (const [index, time] of times.entries()) expect(time).toBeLessThanOrEqual(4 * (times[index - 1] ?? time) + 1);
});

test('one slow call shortens the next', () => {
  const sizer = new CallSizer(1e5, 1);
  const before = sizer.stepsPerCall;
  sizer.record(before, 2000);
  expect(sizer.stepsPerCall).toBe(Math.floor(before / 10));
});

test('what a call lays out in memory is bounded, and a step always fits', () => {
  const sizer = new CallSizer(1, 2 ** 20);
  expect(sizer.stepsPerCall).toBe(64);
  sizer.record(64, 0.001);
  expect(sizer.stepsPerCall).toBe(64);
  expect(new CallSizer(1e15, 2 ** 40).stepsPerCall).toBe(1);
});
