/** A server for a crowd that comes and goes: `node crowd-server.js <JSON of CrowdServerOptions>`. Told `stop`, it ends after the round. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createServer, folderStorage } from 'fedloom';
import { type CrowdSays, type CrowdServerOptions, crowdTask } from './crowd-terms.js';

const options = JSON.parse(process.argv[2] ?? '{}') as CrowdServerOptions;
const { clients, clientsPerRound, rounds, parameters, measureEveryMs } = options;
const say = (message: CrowdSays) => process.send?.(message);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
let measuredMs = performance.now();
let [comings, leavings] = [0, 0];

const server = await createServer(crowdTask(parameters), {
  clients,
  clientsPerRound,
  rounds,
  evaluateEvery: 0,
  // Whoever has gone is replaced at once.
  graceMs: 0,
  deadlineMs: 10_000,
  quorum: 1,
  journal: { storage: await folderStorage(options.journal) },
  checkpoint: (round) => {
    if (measureEveryMs === undefined || performance.now() - measuredMs < measureEveryMs) return;
    measuredMs = performance.now();
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    say({ type: 'measured', round, heap: heapUsed, buffers: arrayBuffers });
  },
});
process.on('message', (message) => {
  if (message === 'stop') server.control.stop();
});
process.on('disconnect', () => process.exit(1));
server.run.on('clientsJoined', () => {
  comings += 1;
});
server.run.on('clientsLeft', () => {
  leavings += 1;
});
server.run.on('round', ({ round, counted }) => {
  if (measureEveryMs === undefined) say({ type: 'round', round, counted: counted.length });
});
say({ type: 'listening', url: server.url });
const { modelHash } = await server.result;
say({ type: 'ended', modelHash, comings, leavings });
process.disconnect();
