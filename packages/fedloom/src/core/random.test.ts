import { describe, expect, it } from 'vitest';
import { philox4x32 } from './philox.js';
import { RandomStream } from './random.js';

function draw(stream: RandomStream, count: number): number[] {
  return Array.from({ length: count }, () => stream.uint32());
}

/** Sum of (observed - expected)^2 / expected. */
function chiSquare(observed: ArrayLike<number>, expected: number): number {
  return Array.from(observed).reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe('RandomStream as a function of its key', () => {
  it('draws the same numbers whenever the same stream is made', () => {
    const first = draw(RandomStream.of(7, 'order', 3, 12), 1000);
    const other = RandomStream.of(7, 'order', 3, 13);
    other.uint32();
    expect(draw(RandomStream.of(7, 'order', 3, 12), 1000)).toEqual(first);
  });

  it('keeps these numbers for ever: models and partitions of published runs depend on them', () => {
    expect(draw(RandomStream.of(0, 'model'), 4)).toMatchInlineSnapshot(`
      [
        2734950254,
        1142568827,
        2173667677,
        1719229558,
      ]
    `);
    expect(draw(RandomStream.of(42, 'order', 1, 2), 4)).toMatchInlineSnapshot(`
      [
        4105552251,
        3022510135,
        1184274951,
        828163476,
      ]
    `);
    const stream = RandomStream.of(42, 'values');
    expect([stream.next(), stream.normal(), stream.normal(), stream.integer(10)]).toMatchInlineSnapshot(`
      [
        0.5105055283750283,
        1.3738911933161753,
        -2.1181230145946115,
        5,
      ]
    `);
  });

  it('fills as it draws, wherever in the stream', () => {
    for (const before of [0, 1, 3, 4, 5, 12, 700]) {
      for (const length of [0, 1, 2, 3, 59, 1000]) {
        const filled = RandomStream.of(3, 'fill', before);
        const drawn = RandomStream.of(3, 'fill', before);
        expect(draw(filled, before)).toEqual(draw(drawn, before));
        const values = new Float64Array(length);
        filled.fill(values);
        expect(Array.from(values)).toEqual(Array.from({ length }, () => drawn.next()));
        expect(draw(filled, 9)).toEqual(draw(drawn, 9));
      }
    }
  });

  it('is Philox over the chained key, as the documentation says', () => {
    const identity = Uint32Array.of(5, 0, 5, 1);
    philox4x32(identity, 0, 0);
    const purpose = new DataView(new TextEncoder().encode('order').buffer);
    identity[0]! ^= purpose.getUint32(0, true);
    identity[1]! ^= purpose.getUint8(4);
    philox4x32(identity, 0, 0);
    identity[0]! ^= 9;
    philox4x32(identity, 0, 0);
    const block = Uint32Array.of(0, 0, identity[2]!, identity[3]!);
    philox4x32(block, identity[0]!, identity[1]!);
    expect(draw(RandomStream.of(5, 'order', 9), 4)).toEqual([...block]);
  });

  it('tells all keys apart', () => {
    const keys: [number, string, ...number[]][] = [];
    for (const seed of [0, 1, -1, 2 ** 32, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER]) {
      for (const purpose of ['', 'a', 'ab', 'b', 'a\0', 'order', 'a purpose of more than sixteen bytes', 'é']) {
        keys.push([seed, purpose], [seed, purpose, 0], [seed, purpose, 0, 0], [seed, purpose, 0, 0, 0]);
        for (const index of [1, 2, -1, 2 ** 32, 2 ** 32 + 1])
          keys.push([seed, purpose, index], [seed, purpose, 0, index]);
      }
    }
    const firsts = new Set(
      keys.map(([seed, purpose, ...indices]) => draw(RandomStream.of(seed, purpose, ...indices), 4).join()),
    );
    expect(firsts.size).toBe(keys.length);
  });

  it('tells 100,000 clients of 3 rounds apart', () => {
    const firsts = new Set<number>();
    for (let round = 0; round < 3; round++) {
      for (let client = 0; client < 100_000; client++) firsts.add(RandomStream.of(1, 'order', round, client).next());
    }
    // By chance alone two of 3e5 streams begin with the same 53 bits once in 200,000 runs.
    expect(firsts.size).toBe(300_000);
  });

  it('refuses keys that are no safe integers', () => {
    expect(() => RandomStream.of(0.5, 'model')).toThrow(RangeError);
    expect(() => RandomStream.of(0, 'order', Number.NaN)).toThrow(RangeError);
    expect(() => RandomStream.of(0, 'order', 2 ** 53)).toThrow(RangeError);
    expect(() => Reflect.apply(RandomStream.of, RandomStream, [0])).toThrow(/the purpose of a random stream is a text/);
  });
});

describe('RandomStream as a source of randomness', () => {
  it('has equidistributed bytes within a stream', () => {
    const counts = new Float64Array(256);
    const stream = RandomStream.of(3, 'bytes');
    for (let i = 0; i < 64_000; i++) {
      const word = stream.uint32();
      for (const shift of [0, 8, 16, 24]) counts[(word >>> shift) & 255]! += 1;
    }
    // 255 degrees of freedom: the chance to lie outside is 1e-6 on either side.
    expect(chiSquare(counts, 1000)).toBeGreaterThan(160);
    expect(chiSquare(counts, 1000)).toBeLessThan(375);
  });

  it('has equidistributed first numbers across neighbouring streams', () => {
    const counts = new Float64Array(100);
    for (let client = 0; client < 50_000; client++)
      counts[Math.floor(RandomStream.of(0, 'order', 5, client).next() * 100)]! += 1;
    expect(chiSquare(counts, 500)).toBeGreaterThan(43);
    expect(chiSquare(counts, 500)).toBeLessThan(180);
  });

  it('has uncorrelated neighbouring streams', () => {
    const count = 50_000;
    let product = 0;
    for (let client = 0; client < count; client++) {
      product +=
        (RandomStream.of(0, 'x', client).next() - 0.5) * (RandomStream.of(0, 'x', client + 1).next() - 0.5) * 12;
    }
    expect(Math.abs(product / Math.sqrt(count))).toBeLessThan(5);
  });

  it('next lies in [0, 1) and fills the halves of its 53 bits', () => {
    const stream = RandomStream.of(11, 'next');
    let lowBits = 0;
    for (let i = 0; i < 10_000; i++) {
      const value = stream.next();
      expect(value >= 0 && value < 1).toBe(true);
      lowBits += (value * 2 ** 53) % 2;
    }
    expect(Math.abs(lowBits - 5000)).toBeLessThan(250);
  });

  it('integer has no bias where a remainder would have one', () => {
    const stream = RandomStream.of(2, 'integer');
    // 2^32 mod bound = 2^30: a remainder would fall in the first third twice as often.
    const bound = 3 * 2 ** 30;
    let low = 0;
    for (let i = 0; i < 30_000; i++) low += stream.integer(bound) < 2 ** 30 ? 1 : 0;
    expect(Math.abs(low - 10_000)).toBeLessThan(410);
  });

  it('integer reaches all its values and takes the extreme bounds', () => {
    const stream = RandomStream.of(4, 'integer');
    const counts = new Float64Array(10);
    for (let i = 0; i < 10_000; i++) counts[stream.integer(10)]! += 1;
    expect(chiSquare(counts, 1000)).toBeLessThan(45);
    expect(stream.integer(1)).toBe(0);
    expect(stream.integer(2 ** 32)).toBeGreaterThan(10);
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1]) expect(() => stream.integer(bound)).toThrow(RangeError);
  });

  it('normal has the moments of the normal distribution', () => {
    const stream = RandomStream.of(5, 'normal');
    const count = 100_000;
    const sums = [0, 0, 0, 0];
    for (let i = 0; i < count; i++) {
      const value = stream.normal();
      for (let power = 1; power <= 4; power++) sums[power - 1]! += value ** power;
    }
    const [mean, square, cube, fourth] = sums.map((sum) => sum / count) as [number, number, number, number];
    const error = 5 / Math.sqrt(count);
    expect(Math.abs(mean)).toBeLessThan(error);
    expect(Math.abs(square - 1)).toBeLessThan(error * Math.sqrt(2));
    expect(Math.abs(cube)).toBeLessThan(error * Math.sqrt(15));
    expect(Math.abs(fourth - 3)).toBeLessThan(error * Math.sqrt(96));
  });

  it('shuffle draws as `integer` does, place by place, and leaves the stream where it then is', () => {
    for (const length of [0, 1, 2, 100, 16_385, 40_000]) {
      const [one, other] = [RandomStream.of(3, 'shuffle', length), RandomStream.of(3, 'shuffle', length)];
      one.uint32();
      other.uint32();
      const places = Int32Array.from({ length }, (_, place) => place);
      const expected = [...places];
      one.shuffle(places);
      for (let last = length - 1; last > 0; last--) {
        const place = other.integer(last + 1);
        [expected[last], expected[place]] = [expected[place] as number, expected[last] as number];
      }
      expect([...places]).toEqual(expected);
      expect(one.uint32()).toBe(other.uint32());
    }
  });

  it('shuffle makes each of the 24 orders of four equally often', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const places = Int32Array.of(0, 1, 2, 3);
      RandomStream.of(6, 'shuffle', i).shuffle(places);
      counts.set(places.join(), (counts.get(places.join()) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()], 1000)).toBeLessThan(67);
  });
});
