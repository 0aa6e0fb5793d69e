import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { Screen } from './screen.js';

it('takes all rows of redrawn lines away when the terminal becomes narrower, and wraps them anew', async () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 });
  const screen = await Screen.open(terminal, { TERM: 'xterm' });
  screen.redraw(['x'.repeat(62), 'short', `\u001b[1m${'y'.repeat(41)}\u001b[22m`]);
  terminal.read();
  terminal.columns = 40;
  terminal.emit('resize');
  const written = String(terminal.read());
  // 2 rows, 1 row, and 2 rows: the colours take none.
  expect(written.startsWith('\u001b[5A\r\u001b[J')).toBe(true);
  expect(written).toContain(`${'x'.repeat(40)}\n${'x'.repeat(22)}\nshort\n`);
  screen.clear();
  terminal.read();
  terminal.emit('resize');
  expect(terminal.read()).toBeNull();
});
