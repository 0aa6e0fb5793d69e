import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../core/node/sha256.js';
import { readJournal } from '../read-journal.js';
import { stateAfter } from '../testing/counting-run.js';
import { folderStorage } from './folder-storage.js';

const ROUNDS = 400;
const ROUNDS_BETWEEN = 40;
const KILLS_MAX = 6;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-kill-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A process that runs the counting run in the folder, and says each round that it tells the outside. */
function start() {
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const code = `
    import { writeSync } from 'node:fs';
    const { folderStorage } = await import(${url('./folder-storage.js')});
    const { countingRun } = await import(${url('../testing/counting-run.js')});
    let rounds = 0;
    const told = { finished: false, get rounds() { return rounds; }, set rounds(value) { writeSync(1, value + '\\n'); rounds = value; } };
    const state = await countingRun(await folderStorage(${JSON.stringify(folder)}), ${ROUNDS}, told);
    writeSync(1, JSON.stringify(state));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return {
    child,
    ended: once(child, 'close'),
    get text() {
      return text;
    },
    /** The last round that it told. */
    get told() {
      return Number(/(\d+)\n[^\n]*$/.exec(text)?.[1] ?? 0);
    },
  };
}

describe('a process that is killed', () => {
  it('again and again takes nothing back that it told, and ends in the same state', async () => {
    let told = 0;
    let kills = 0;
    for (;;) {
      const run = start();
      const untilRounds = told + ROUNDS_BETWEEN;
      run.child.stdout.on('data', () => {
        if (run.told >= untilRounds && kills < KILLS_MAX) run.child.kill('SIGKILL');
      });
      const [code] = await run.ended;
      told = Math.max(told, run.told);
      const storage = await folderStorage(folder);
      const { recovered } = await readJournal(storage, sha256);
      await storage.close();
      expect(recovered?.rounds ?? 0).toBeGreaterThanOrEqual(told);
      if (code === 0) {
        expect(JSON.parse(run.text.split('\n').at(-1) ?? '')).toEqual(stateAfter(ROUNDS));
        break;
      }
      kills += 1;
    }
    expect(kills).toBeGreaterThan(2);
    expect(told).toBe(ROUNDS);
  });
});
