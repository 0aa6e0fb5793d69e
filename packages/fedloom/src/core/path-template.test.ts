import { expect, it } from 'vitest';
import { namesClient, pathOfClient } from './path-template.js';

it('fills in the rank from 1 and the index from 0, wherever they stand', () => {
  expect(pathOfClient('/data/client_{rank}_train/{index}-{rank}', 4)).toBe('/data/client_5_train/4-5');
  expect(pathOfClient('/data', 4)).toBe('/data');
});

it('tells whether a path differs from client to client', () => {
  expect(['/data', 'a{rank}', '{index}', '{Rank}'].map(namesClient)).toEqual([false, true, true, false]);
});
