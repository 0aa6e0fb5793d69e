import { elementCount } from '@fedloom/engine';
import type { Contribution } from '../fold-contract.js';
import type { UpdateSpec } from '../update.js';
import { numbersOf, tensorsOf } from './fold-tensors.js';

/** Elements of each update that are compared at a time: a row of each stays in a core's cache. */
const BLOCK = 1024;

/** Bytes that `squaredDistances` needs beside the updates. */
export function distanceScratchBytes(updates: number): number {
  return 8 * updates * (BLOCK + updates);
}

/**
 * The squared Euclidean distances between the contributions, over all tensors in `specs` as one vector: row i, column j at
 * `i * n + j`. In float64 and from differences: |a|^2 - 2ab + |b|^2 loses all digits where what two updates have in common
 * is large, and can come out negative.
 */
export function squaredDistances(contributions: readonly Contribution[], specs: readonly UpdateSpec[]): Float64Array {
  const clients = contributions.length;
  const distances = new Float64Array(clients * clients);
  const rows = new Float64Array(clients * BLOCK);
  for (const { name, shape } of specs) {
    const tensors = tensorsOf(contributions, name);
    const length = elementCount(shape);
    for (let from = 0; from < length; from += BLOCK) {
      const count = Math.min(BLOCK, length - from);
      for (const [k, tensor] of tensors.entries()) rows.set(numbersOf(tensor, from, count), k * BLOCK);
      addDistances(rows, clients, count, distances);
    }
  }
  for (let i = 0; i < clients; i++) {
    for (let j = 0; j < i; j++) distances[i * clients + j] = distances[j * clients + i]!;
  }
  return distances;
}

/** Adds a block's part to the distances above the diagonal. */
function addDistances(rows: Float64Array, clients: number, count: number, distances: Float64Array): void {
  for (let i = 0; i < clients; i++) {
    for (let j = i + 1; j < clients; j++) {
      distances[i * clients + j]! += blockDistance(rows, i * BLOCK, j * BLOCK, count);
    }
  }
}

/** Four sums, so that an addition need not wait for the one before. */
function blockDistance(rows: Float64Array, a: number, b: number, count: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const d0 = rows[a + i]! - rows[b + i]!;
    const d1 = rows[a + i + 1]! - rows[b + i + 1]!;
    const d2 = rows[a + i + 2]! - rows[b + i + 2]!;
    const d3 = rows[a + i + 3]! - rows[b + i + 3]!;
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  for (; i < count; i++) {
    const d = rows[a + i]! - rows[b + i]!;
    s0 += d * d;
  }
  return s0 + s1 + (s2 + s3);
}
