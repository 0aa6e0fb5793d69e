import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listRuns, readRounds, runIn } from '../../../../packages/fedloom/dist/store/read-runs.js';
import { scratchFolder } from '../scratch.js';
import { joined, partsIn, type Target, unlessRefusedLater, utf8 } from '../target.js';

const ROOT = scratchFolder();
const FOLDER = join(ROOT, 'run');

/** A run's folder, as `fedloom runs` reads it. */
export const target: Target = {
  seeds: () => {
    const file = {
      format: 1,
      run: 'a',
      status: 'running',
      process: { pid: 1, host: 'h', startedAt: 1 },
      startedAt: 't',
    };
    return [joined([utf8(JSON.stringify(file)), utf8('{"round":0}\n{"round":1}\n{"rou')])];
  },
  async run(input) {
    const [file = new Uint8Array(), rounds = new Uint8Array()] = partsIn(input);
    await mkdir(FOLDER, { recursive: true });
    await Promise.all([writeFile(join(FOLDER, 'run.json'), file), writeFile(join(FOLDER, 'metrics.jsonl'), rounds)]);
    await unlessRefusedLater(/^store\./, () => runIn(FOLDER));
    await unlessRefusedLater(/^store\./, () => listRuns(ROOT));
    await unlessRefusedLater(/^store\./, () => readRounds(FOLDER));
  },
};
