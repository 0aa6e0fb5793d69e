import type { NamedTensors } from 'fedloom';
import { expect } from 'vitest';

/** The largest difference between numbers of two models. */
export function distance(model: NamedTensors, other: NamedTensors): number {
  expect([...model.keys()]).toEqual([...other.keys()]);
  return Math.max(
    ...[...model].flatMap(([name, { data }]) =>
      Array.from(data as Float32Array, (value, at) => Math.abs(Number(value) - Number(other.get(name)?.data[at]))),
    ),
  );
}
