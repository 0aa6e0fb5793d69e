import { describe, expect, it } from 'vitest';
import { Amends } from './amends.js';

function underTest() {
  let now = 1_000;
  const amends = new Amends({ now: () => now });
  return {
    amends,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe('Amends', () => {
  it('are ten times what was spent, of which a little is let off', () => {
    const { amends, pass } = underTest();
    expect([amends.charge('10.0.0.1:5', 8), amends.charge('10.0.0.1:5', 7)]).toEqual([0, 50]);
    pass(20);
    expect(amends.restMs('10.0.0.1:5')).toBe(30);
    expect(amends.charge('10.0.0.1:5', 1)).toBe(40);
    pass(140);
    expect([amends.restMs('10.0.0.1:5'), amends.charge('10.0.0.1:5', 10)]).toEqual([0, 0]);
  });

  it('are those of an address, whatever the port', () => {
    const { amends } = underTest();
    amends.charge('10.0.0.1:5', 20);
    amends.charge('[::1]:5', 30);
    const rests = ['10.0.0.1:6', '[::1]:6', '10.0.0.2:5'].map((peer) => amends.restMs(peer));
    expect(rests).toEqual([100, 200, 0]);
  });

  it('take two seconds at most', () => {
    const { amends, pass } = underTest();
    expect(amends.charge('10.0.0.1:5', 1e6)).toBe(2_000);
    pass(1_000);
    expect([amends.charge('10.0.0.1:5', 1e6), amends.restMs('10.0.0.1:7')]).toEqual([2_000, 2_000]);
  });

  it('of the address that was charged longest ago are forgotten when there are too many', () => {
    const { amends } = underTest();
    amends.charge('first:1', 20);
    amends.charge('second:1', 20);
    amends.charge('first:1', 20);
    for (let i = 0; i < 4_095; i += 1) amends.charge(`other${i}:1`, 20);
    expect(['first:1', 'second:1', 'other0:1'].map((peer) => amends.restMs(peer))).toEqual([300, 0, 100]);
  });
});
