import { expect, test } from 'vitest';
import { errorFunction } from './error-function.js';

// Abramowitz and Stegun, tables 7.1 and 7.3; beyond, erfc by its asymptotic series.
test.each([
  [0, 0],
  [0.1, 0.112462916],
  [0.5, 0.5204998778],
  [1, 0.8427007929],
  [1.5, 0.9661051465],
  [2, 0.995322265],
  [2.4999, 0.9995928],
  [2.5001, 0.9995931],
  [3, 0.9999779095],
  [6, 1],
  [Number.POSITIVE_INFINITY, 1],
])('erf(%d) is %d, and odd', (x, value) => {
  expect(errorFunction(x)).toBeCloseTo(value, x > 2.4 && x < 2.6 ? 6 : 9);
  expect(errorFunction(-x)).toBe(-errorFunction(x));
});

test('is the integral of its derivative, over the seam of its two ways too', () => {
  for (let x = -6; x < 6; x += 0.05) {
    const step = 1e-4;
    const slope = (errorFunction(x + step) - errorFunction(x - step)) / (2 * step);
    expect(slope).toBeCloseTo((2 / Math.sqrt(Math.PI)) * Math.exp(-x * x), 7);
  }
});
