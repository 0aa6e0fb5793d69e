import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { connectionsInReach } from './descriptor-limit.js';

const saying = (openFiles: string) => () =>
  `Limit                     Soft Limit           Hard Limit           Units
Max core file size        0                    unlimited            bytes
Max open files            ${openFiles.padEnd(20)} 524288               files
`;

it('keeps descriptors for the files of the process itself', () => {
  expect(connectionsInReach(saying('100000'))).toBe(100_000 - 64 - 8 * availableParallelism());
});

it('takes half of few', () => {
  expect(connectionsInReach(saying('65'))).toBe(32);
  expect(connectionsInReach(saying('1'))).toBe(1);
});

it('knows of none where the system says nothing', () => {
  expect(connectionsInReach(saying('unlimited'))).toBeUndefined();
  expect(connectionsInReach(() => '')).toBeUndefined();
});
