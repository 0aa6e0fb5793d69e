import { portableExp } from './portable-exp.js';
import { portableLog } from './portable-log.js';
import type { RandomStream } from './random.js';

/**
 * Logarithms of independent Gamma(alpha, 1) numbers. Divided by the sum of some of them, those some are a draw from the symmetric
 * Dirichlet distribution (see `sharesOf`). Logarithms, since for a small alpha most of the numbers are smaller than any float.
 *
 * For alpha of at least 1 by Marsaglia and Tsang, A Simple Method for Generating Gamma Variables (ACM TOMS 26, 2000); below, by their
 * remark in section 6: Gamma(alpha) = Gamma(alpha + 1) U^(1 / alpha). Equal to the bit on every platform.
 */
export function logGammas(random: RandomStream, alpha: number, count: number): Float64Array {
  const below = alpha < 1;
  const d = (below ? alpha + 1 : alpha) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  const logs = new Float64Array(count);
  for (let at = 0; at < count; at++) {
    let log = logGamma(random, d, c);
    if (below) log += portableLog(1 - random.next()) / alpha;
    logs[at] = log;
  }
  return logs;
}

function logGamma(random: RandomStream, d: number, c: number): number {
  for (;;) {
    const x = random.normal();
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root * root * root;
    const logV = portableLog(v);
    if (portableLog(1 - random.next()) < 0.5 * x * x + d - d * v + d * logV) return portableLog(d) + logV;
  }
}

/** The share of each in the sum, of those that take part; 0 of the others. One at least must. */
export function sharesOf(logs: Float64Array, takesPart: (at: number) => boolean): Float64Array {
  const chosen = logs.map((log, at) => (takesPart(at) ? log : Number.NEGATIVE_INFINITY));
  const most = chosen.reduce((largest, log) => Math.max(largest, log), Number.NEGATIVE_INFINITY);
  const sizes = chosen.map((log) => portableExp(log - most));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return sizes.map((size) => size / total);
}
