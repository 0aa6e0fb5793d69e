import { expect, it } from 'vitest';
import { Refusals } from './refusals.js';

function open() {
  let nowMs = 5_000;
  let timers: { atMs: number; fire: () => void }[] = [];
  const told: string[] = [];
  const clock = {
    now: () => nowMs,
    setTimer: (delayMs: number, fire: () => void) => {
      const timer = { atMs: nowMs + delayMs, fire };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
  };
  const pass = (ms: number) => {
    nowMs += ms;
    for (const { fire } of timers.filter(({ atMs }) => atMs <= nowMs)) fire();
  };
  const refusals = new Refusals({ clock, tellUntold: (count, peer) => told.push(`${count} of ${peer}`) });
  const add = (peer: string, count = 1) => {
    for (let i = 0; i < count; i += 1) refusals.add(peer, () => told.push(peer));
  };
  return { refusals, told, pass, add };
}

it('of one address tells so many at once and one a second after, and how many it left out', () => {
  const { refusals, told, pass, add } = open();
  for (let port = 1; port <= 10; port += 1) add(`10.0.0.1:${port}`, 100);
  expect(told.splice(0)).toEqual(Array(64).fill('10.0.0.1:1'));
  add('[fe80::1]:7');
  expect(told.splice(0)).toEqual(['[fe80::1]:7']);

  pass(2_500);
  expect(told.splice(0)).toEqual(['936 of 10.0.0.1:10']);
  add('10.0.0.1:11', 10);
  expect(told.splice(0)).toEqual(['10.0.0.1:11', '10.0.0.1:11']);
  refusals.close();
  expect(told.splice(0)).toEqual(['8 of 10.0.0.1:11']);
  pass(10_000);
  expect(told).toEqual([]);
});

it('keeps accounts of so many addresses alone', () => {
  const { told, add } = open();
  add('10.0.0.1:1', 70);
  told.splice(0);
  for (let i = 0; i < 4096; i += 1) add(`10.1.${i >> 8}.${i & 255}:1`);
  expect(told.filter((text) => text.includes(' of '))).toEqual(['6 of 10.0.0.1:1']);
});
