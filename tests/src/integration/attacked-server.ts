/**
 * A server in a process of its own, so that what an attack costs it can be measured: `node attacked-server.js <task> <clients>
 * <rounds> <journal>`. It tells its parent where it listens, what its log would say, each round, and how the run ended; in the middle of the
 * run it waits to be told to go on.
 */

import { createServer, folderStorage } from 'fedloom';
import { sizeFor, tasks } from './attacked-tasks.js';

export type ServerSays =
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'log'; readonly text: string }
  | { readonly type: 'waiting' }
  | { readonly type: 'ended'; readonly modelHash: string }
  | { readonly type: 'memory'; readonly bytes: number };

const [name, clients, rounds, journal = ''] = process.argv.slice(2);
const size = sizeFor(Number(clients), Number(rounds));
const say = (message: ServerSays) => process.send?.(message);

let goOn: () => void = () => {};
const told = new Promise<void>((resolve) => {
  goOn = resolve;
});
process.on('message', (message) => {
  if (message === 'go on') goOn();
  // The most that it ever had, from outside of the heap too.
  if (message === 'memory') say({ type: 'memory', bytes: process.resourceUsage().maxRSS * 1024 });
});
process.on('disconnect', () => process.exit(1));

const server = await createServer(tasks[name as keyof typeof tasks], {
  ...size,
  workers: 1,
  journal: { storage: await folderStorage(journal) },
  evaluateEvery: 0,
  deadlineMs: 120_000,
  checkpoint: async (round) => {
    if (round !== 1) return;
    say({ type: 'waiting' });
    await told;
  },
});
server.run.on('refused', ({ client, code, peer, message }) =>
  say({ type: 'log', text: `${peer} client ${client} ${code}: ${message}` }),
);
server.run.on('warning', ({ code, message }) => say({ type: 'log', text: `${code}: ${message}` }));
server.run.on('clientsLeft', ({ peer, reason }) => say({ type: 'log', text: `${peer} left: ${reason}` }));
say({ type: 'listening', url: server.url });
const { modelHash } = await server.result;
say({ type: 'ended', modelHash });
