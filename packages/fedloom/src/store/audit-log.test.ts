import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { verifyAudit } from './audit-chain.js';
import { AuditLog } from './audit-log.js';

let path: string;
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-audit-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  path = join(folder, 'audit.jsonl');
});

async function write(count: number, run = 'digits'): Promise<string> {
  const log = await AuditLog.open(path, run);
  for (let round = 0; round < count; round += 1) log.append({ event: 'round', round });
  await log.close();
  const text = await readFile(path, 'utf8');
  expect(verifyAudit(text, run)).toEqual(log.head);
  return text;
}

const linesOf = (text: string) => text.split('\n').slice(0, -1);
const brokenAt = (line: number) => expect.objectContaining({ code: 'audit.broken', fields: { line } });

describe('a log that somebody touched does not hold', () => {
  test('wherever a line was changed, removed, added or moved, and as that of another run', async () => {
    const text = await write(6);
    expect(() => verifyAudit(text, 'letters')).toThrow(brokenAt(1));
    for (const [at, line] of linesOf(text).entries()) {
      const touched = (lines: readonly string[]) => () => verifyAudit(`${lines.join('\n')}\n`, 'digits');
      const lines = linesOf(text);
      const changed = line.replace(`"round":${at}`, `"round":${at + 1}`);
      const last = at === lines.length - 1;
      // Who changes the last line makes another end: that is what the hash of the end tells.
      if (last) expect(touched(lines.with(at, changed))().hash).not.toBe(verifyAudit(text, 'digits').hash);
      else expect(touched(lines.with(at, changed))).toThrow(brokenAt(at + 2));
      if (!last) expect(touched(lines.toSpliced(at, 1))).toThrow(brokenAt(at + 1));
      expect(touched(lines.toSpliced(at, 0, '{"event":"round"}'))).toThrow(brokenAt(at + 1));
      if (!last) expect(touched(lines.toSpliced(at, 2, lines[at + 1] ?? '', line))).toThrow(brokenAt(at + 1));
    }
  });

  test('is told with what to look at', async () => {
    const text = await write(3);
    expect(() => verifyAudit(text.replace('"round":0', '"round":9'), 'digits')).toThrow(
      'Line 2 of the audit log does not follow on line 1: line 1 or line 2 was changed, or a line between was added or removed.',
    );
    expect(() => verifyAudit(text.slice(0, -3), 'digits')).toThrow('Line 3 of the audit log has no end');
  });
});

test('it goes on where it ended; half a line of a process that died is cut off, and told', async () => {
  await write(2);
  await appendFile(path, '{"event":"round","rou');
  const text = await write(1);
  expect(linesOf(text).map((line) => JSON.parse(line).event)).toEqual(['round', 'round', 'cut', 'round']);
});

test('an empty one holds, and what is no log does not', async () => {
  expect(verifyAudit('', 'digits').lines).toBe(0);
  await writeFile(path, '');
  for (const text of ['hello\n', '{}\n', '{"previous":1}\n', '\n']) {
    expect(() => verifyAudit(text, 'digits')).toThrow(brokenAt(1));
  }
});
