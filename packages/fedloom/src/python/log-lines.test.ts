import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogLines } from './log-lines.js';

function logOf(now: () => number = () => 0) {
  const told: string[] = [];
  const lines = new LogLines((label, line) => told.push(`${label}|${line}`), now);
  return { lines, told };
}

const mark = (label: string) => `\x1e${label}\x1e`;

describe('LogLines', () => {
  it('tells whole lines, under the label whose they are', () => {
    const { lines, told } = logOf();
    lines.add(`a\nb${mark('one')}c\r\n\nd`);
    expect(told).toEqual(['|a', '|b', 'one|c', 'one|']);
    lines.add(`e${mark('')}`);
    lines.end();
    expect(told.slice(4)).toEqual(['one|de']);
  });

  it('does not care where the text is cut', () => {
    const text = `first\n${mark('client 1')}\r 10 %\r 20 %\nprint${mark('')}${mark('client 2')}é\nlast`;
    const whole = logOf();
    whole.lines.add(text);
    whole.lines.end();
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length })), (cuts) => {
        const { lines, told } = logOf();
        const ends = [...cuts, text.length].sort((a, b) => a - b);
        for (const [at, end] of ends.entries()) lines.add(text.slice(at === 0 ? 0 : ends[at - 1], end));
        lines.end();
        expect(told).toEqual(whole.told);
      }),
    );
  });

  it('tells a line that is drawn anew once a second, and as it was in the end', () => {
    let nowMs = 0;
    const { lines, told } = logOf(() => nowMs);
    for (let percent = 1; percent <= 10; percent += 1) {
      nowMs = percent * 300;
      lines.add(`\r${percent} %`);
    }
    expect(told).toEqual(['|1 %', '|5 %', '|9 %']);
    lines.add('\r');
    lines.add(mark('other'));
    expect(told.at(-1)).toBe('|10 %');
  });

  it('cuts lines that never end', () => {
    const { lines, told } = logOf();
    lines.add('x'.repeat(25_000));
    expect(told.map((line) => line.length)).toEqual([10_001]);
  });
});
