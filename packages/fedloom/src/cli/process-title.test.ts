import { expect, it } from 'vitest';
import { clientTitle } from './process-title.js';

it('shows the ranks of clients, from 1, and of how many they are', () => {
  expect(clientTitle([{ from: 2, count: 1 }], 10)).toBe('fedloom client 3 of 10');
  expect(
    clientTitle([
      { from: 0, count: 50 },
      { from: 60, count: 1 },
    ]),
  ).toBe('fedloom client 1-50,61');
});
