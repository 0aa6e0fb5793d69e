import { expect, it } from 'vitest';
import { type CancelCell, CancelCells, cancel, isCancelled } from './cancel-cells.js';

it("gives out cells that are nobody else's and hold 0, given back ones too", () => {
  const cells = new CancelCells();
  const taken = Array.from({ length: 600 }, () => cells.take());
  const place = ({ cells, at }: CancelCell) => `${buffers.indexOf(cells.buffer)}/${at}`;
  const buffers = [...new Set(taken.map((cell) => cell.cells.buffer))];
  expect(buffers.length).toBeLessThan(600 / 100);
  expect(new Set(taken.map(place)).size).toBe(600);
  for (const cell of taken) {
    cancel(cell);
    cells.giveBack(cell);
  }
  const again = Array.from({ length: 600 }, () => cells.take());
  expect(new Set(again.map(place)).size).toBe(600);
  expect(again.some(isCancelled)).toBe(false);
  cancel(again[7] as CancelCell);
  expect(again.filter(isCancelled)).toEqual([again[7]]);
});
