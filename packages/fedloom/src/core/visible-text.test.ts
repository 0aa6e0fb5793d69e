import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isPlainName, visibleText } from './visible-text.js';

it.each([
  [
    'clears the screen \u001b[2J and the title \u001b]0;x\u0007',
    'clears the screen \\u001b[2J and the title \\u001b]0;x\\u0007',
  ],
  ['\u009b31m is an escape too', '\\u009b31m is an escape too'],
  ['over\rwritten\b', 'over\\u000dwritten\\u0008'],
  ['read \u202eback\u2069wards', 'read \\u202eback\\u2069wards'],
  ['Traceback:\n\tline 3 in 训练, naïve, 😀', 'Traceback:\n\tline 3 in 训练, naïve, 😀'],
])('%j is shown as %j', (text, shown) => {
  expect(visibleText(text)).toBe(shown);
});

it('nothing that steers is left, and who shows it twice sees the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = visibleText(text);
      expect(visibleText(shown)).toBe(shown);
      expect(shown).not.toMatch(/[^\P{Cc}\t\n]/u);
      expect(isPlainName(text)).toBe(shown === text && !/[\t\n]/.test(text));
    }),
  );
});
