/** Of the standard normal distribution: 95 % lie within it on both sides of the mean. */
const NORMAL_95 = 1.959964;

export interface Slope {
  /** Of y by x. */
  readonly slope: number;
  /** Its 95 % confidence interval. */
  readonly low: number;
  readonly high: number;
}

/**
 * The slope of the line that fits best by least squares, with a confidence interval that holds where one measurement resembles the
 * next: by the standard error of Newey and West (1987), https://doi.org/10.2307/1913610, with as many lags as they later advise
 * for n points, 4 (n / 100)^(2/9). For many points: it is that of the normal distribution.
 * @throws RangeError for fewer than 20 points, or where all x are equal
 */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): Slope {
  const n = points.length;
  if (n < 20) throw new RangeError(`a slope needs 20 points, and here are ${n}`);
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const squares = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (squares === 0) throw new RangeError('a slope needs different x');
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / squares;
  const scores = points.map(([x, y]) => (x - meanX) * (y - meanY - slope * (x - meanX)));
  const lags = Math.floor(4 * (n / 100) ** (2 / 9));
  let variance = 0;
  for (let lag = 0; lag <= lags; lag += 1) {
    const covariance = scores.reduce((sum, score, i) => sum + (i < lag ? 0 : score * (scores[i - lag] ?? 0)), 0);
    variance += lag === 0 ? covariance : 2 * (1 - lag / (lags + 1)) * covariance;
  }
  // Two numbers were fitted.
  const error = Math.sqrt((variance * n) / (n - 2)) / squares;
  return { slope, low: slope - NORMAL_95 * error, high: slope + NORMAL_95 * error };
}
