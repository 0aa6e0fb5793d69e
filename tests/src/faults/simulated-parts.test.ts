/** What is simulated keeps the contracts of what it stands for: else the simulation would find what is none of the product's. */
import fc from 'fast-check';
import { transportSuite } from 'fedloom/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { describeStorage } from '../../../packages/fedloom/dist/journal/testing/storage-conformance.js';
import { Dice } from './dice.js';
import { Disk, journalOn } from './disk.js';
import { Network } from './network.js';
import { rationalMean } from './rational-mean.js';
import { SimulatedProcess } from './simulated-process.js';
import { SimulatedTime } from './simulated-time.js';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** Time that passes whenever anything is planned. */
function passingTime(): SimulatedTime {
  const time = new SimulatedTime();
  let isOn = true;
  stops.push(() => {
    isOn = false;
  });
  const pass = async () => {
    while (isOn) {
      await time.run(() => !isOn, Number.POSITIVE_INFINITY);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  };
  void pass();
  return time;
}

describe('the simulated network', () => {
  const transport = () => {
    const time = passingTime();
    const network = new Network({
      time,
      dice: new Dice(1, 'network'),
      bufferedBytesMax: 8 << 20,
      faultsOf: () => ({ latencyMs: 1, jitterMs: 5, bytesPerMs: 10_000 }),
      onFault: () => {},
      onTaken: () => {},
      onBug: (error) => {
        throw error;
      },
    });
    const server = new SimulatedProcess('server', time);
    const client = new SimulatedProcess('client', time);
    let listeners = 0;
    return {
      listen: (accept: Parameters<Network['listen']>[2]) => {
        listeners += 1;
        return network.listen(`simulated://${listeners}`, server, accept);
      },
      dial: network.dialFrom(client),
      nowhere: 'simulated://nowhere',
    };
  };
  for (const { name, run } of transportSuite(transport)) it(name, run);
});

describeStorage('of simulated disks', async () => {
  const disk = new Disk(
    new Dice(1, 'disk'),
    () => 'written',
    () => 1,
  );
  return {
    open: async () => journalOn(disk, new SimulatedProcess('server', passingTime())),
    end: async () => {
      for (const stop of stops.splice(0)) stop();
    },
  };
});

describe('the rational mean', () => {
  it('is exact where float64 sums are not', () => {
    expect(rationalMean([1, 2 ** -149, -1], [1, 1, 1])).toBe(2 ** -149 / 3);
    expect(rationalMean([1e30, 1, -1e30].map(Math.fround), [1, 3, 1])).toBe(3 / 5);
    expect(rationalMean([0, -0], [1, 2])).toBe(0);
  });

  it('is that of float64 where its sums are exact', () => {
    const whole = fc.integer({ min: -(2 ** 20), max: 2 ** 20 });
    const term = fc.tuple(whole, fc.integer({ min: 1, max: 1000 }));
    fc.assert(
      fc.property(fc.array(term, { minLength: 1, maxLength: 20 }), (terms) => {
        const sum = terms.reduce((total, [value, weight]) => total + value * weight, 0);
        const weights = terms.map(([, weight]) => weight);
        const mean = rationalMean(
          terms.map(([value]) => value),
          weights,
        );
        expect(mean).toBe(sum / weights.reduce((a, b) => a + b, 0) + 0);
      }),
    );
  });
});
