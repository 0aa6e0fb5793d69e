// The library without the command: a simulation, then the same federation as a server and two clients over WebSocket.
//   npx jiti examples/04-library/main.ts        (or: node examples/04-library/main.ts, from Node 22.18 on)
import { createServer, joinFederation, overrideTask, simulate } from 'fedloom';
import mnistTask from '../01-mnist/task.ts';

const task = overrideTask(mnistTask, 'training.batchSize', '50');
const size = { clients: 20, clientsPerRound: 4, rounds: 3 };
const percent = (value: unknown) => `${(100 * Number(value)).toFixed(1)} %`;

// Rounds come as they finish; events tell what happens in between.
const run = simulate(task, size);
run.once('prepared', ({ parameterCount }) => console.log(`${parameterCount} parameters`));
for await (const { round, metrics } of run) console.log(`round ${round + 1}: ${percent(metrics?.accuracy)}`);
const simulated = await run.result;

// An AbortSignal ends a server or a client in order.
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
const server = await createServer(task, { ...size, signal: stop.signal });
console.log(`server at ${server.url}`);
const join = (from: number, count: number) =>
  joinFederation(server.url, { clients: [{ from, count }], task, workers: 1, signal: stop.signal });
const [result] = await Promise.all([server.result, join(0, 10), join(10, 10)]);
console.log(`server and clients: ${percent(result.metrics.accuracy)}`);
console.log(result.modelHash === simulated.modelHash ? 'the same model, to the bit' : 'another model');
