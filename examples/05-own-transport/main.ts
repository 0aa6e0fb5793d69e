// A federation over a transport of one's own: a server that listens at a Unix socket and two clients that dial it.
//   npx jiti examples/05-own-transport/main.ts        (or: node examples/05-own-transport/main.ts, from Node 22.18 on)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, joinFederation, overrideTask, simulate } from 'fedloom';
import mnistTask from '../01-mnist/task.ts';
import { unixDial, unixListen } from './unix-socket.ts';

const task = overrideTask(mnistTask, 'training.batchSize', '50');
const size = { clients: 20, clientsPerRound: 4, rounds: 2 };
const folder = mkdtempSync(join(tmpdir(), 'fedloom-unix-'));

const server = await createServer(task, { ...size, listeners: [unixListen(join(folder, 'server.sock'))] });
console.log(`server at ${server.url}`);
// The address's scheme chooses the transport; ws: and wss: are there besides.
const takePart = (from: number, count: number) =>
  joinFederation(server.url, { clients: [{ from, count }], task, workers: 1, dial: { unix: unixDial } });
const [result] = await Promise.all([server.result, takePart(0, 10), takePart(10, 10)]);
rmSync(folder, { recursive: true });

const simulated = await simulate(task, size).result;
console.log(`accuracy ${(100 * Number(result.metrics.accuracy)).toFixed(1)} %`);
console.log(result.modelHash === simulated.modelHash ? 'the same model, to the bit' : 'another model');
