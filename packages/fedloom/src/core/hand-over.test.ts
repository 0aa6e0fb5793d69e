import { expect, it } from 'vitest';
import { handOver } from './hand-over.js';

it('gives a value once', () => {
  const value = { big: 1 };
  const take = handOver(value);
  expect(take()).toBe(value);
  expect(take).toThrow('asked for again');
});
