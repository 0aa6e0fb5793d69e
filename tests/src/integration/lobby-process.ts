/**
 * A lobby with two runs and their journals: `node lobby-process.js <port> <folder> [<run> round <number>]`. It says each round,
 * and is gone once it has said the last of these.
 */

import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { createLobby, folderStorage, type Task } from 'fedloom';
import { lobbyRuns } from './lobby-tasks.js';

const [port, folder = '', ...last] = process.argv.slice(2);
const lobby = await createLobby({ listen: { port: Number(port) } });

async function serve(run: string, task: Task, size: typeof lobbyRuns.plan.size): Promise<void> {
  const storage = await folderStorage(join(folder, run));
  const served = await lobby.open(task, {
    ...size,
    run,
    workers: 1,
    graceMs: null,
    deadlineMs: null,
    journal: { storage, mode: 'resume-or-begin' },
  });
  served.run.on('round', ({ round }) => {
    const words = `${run} round ${round}`;
    writeSync(1, `${words}\n`);
    if (words === last.join(' ')) process.kill(process.pid, 'SIGKILL');
  });
  const { modelHash } = await served.result;
  writeSync(1, `${run} hash ${modelHash}\n`);
}

await Promise.all(Object.entries(lobbyRuns).map(([run, { task, size }]) => serve(run, task, size)));
await lobby.close();
