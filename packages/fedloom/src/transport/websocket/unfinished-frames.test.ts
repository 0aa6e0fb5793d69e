import { expect, it } from 'vitest';
import { UnfinishedFrames } from './unfinished-frames.js';

function connection() {
  const one = {
    isCut: false,
    cut: () => {
      one.isCut = true;
    },
  };
  return one;
}

it('cuts whoever began first, as many as it takes', () => {
  const frames = new UnfinishedFrames(100);
  const [first, second, third] = [connection(), connection(), connection()];
  frames.grew(first, 30);
  frames.grew(second, 30);
  frames.grew(first, 30);
  frames.grew(third, 10);
  expect([first, second, third].map(({ isCut }) => isCut)).toEqual([false, false, false]);
  frames.grew(third, 60);
  expect([first, second, third].map(({ isCut }) => isCut)).toEqual([true, false, false]);
  frames.grew(third, 10);
  expect([first, second, third].map(({ isCut }) => isCut)).toEqual([true, true, false]);
});

it('frames that come to their end count no longer, and what follows begins anew', () => {
  const frames = new UnfinishedFrames(100);
  const [busy, slow] = [connection(), connection()];
  frames.grew(busy, 40);
  frames.grew(slow, 40);
  for (let i = 0; i < 10; i += 1) {
    frames.ended(busy);
    frames.grew(busy, 40);
  }
  frames.shrank(busy, 10);
  frames.grew(busy, 30);
  expect([busy.isCut, slow.isCut]).toEqual([false, false]);
  frames.grew(busy, 1);
  expect([busy.isCut, slow.isCut]).toEqual([false, true]);
  frames.shrank(busy, 1_000);
  frames.grew(slow, 100);
  expect(busy.isCut).toBe(false);
});
