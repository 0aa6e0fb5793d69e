// The server of the example: digits that people draw. Half of the clients are here and have images of MNIST; the others are pages.
//   npx jiti examples/browser-digits/server.ts
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer, joinFederation, overrideTask, simulate } from 'fedloom';
import mnist from '../01-mnist/task.ts';

/** Where the page is served from: `vite`, and `vite preview`. */
const origins = process.argv[2]?.split(',') ?? ['http://localhost:5173', 'http://localhost:4173'];
const port = Number(process.argv[3] ?? 8080);
const rounds = Number(process.argv[4] ?? 20);

// Cautious steps: a page may have a handful of drawings.
const task = overrideTask(mnist, 'training.optimizer.learningRate', '0.05');
const size = { clients: 4, clientsPerRound: 4, rounds, seed: 1 };

// What the model computes, for the page to predict with.
const made = join(import.meta.dirname, 'public');
mkdirSync(made, { recursive: true });
const rehearsal = simulate(task, size);
rehearsal.once('prepared', ({ inference }) => {
  if (inference !== undefined) writeFileSync(join(made, 'inference.onnx'), inference());
  rehearsal.cancel();
});
await rehearsal.result;

// It begins when one page is there, and goes on when a page is closed.
const pages = { allowedOrigins: origins, minimumClients: 3, quorum: 2, graceMs: 2_000 };
const server = await createServer(task, { ...size, listen: { port }, ...pages });
console.log(`server at ${server.url}, for pages of ${origins.join(' and ')}`);
server.run.on('round', ({ round, counted, metrics }) =>
  console.log(`round ${round + 1}: ${counted.length} clients, accuracy ${Number(metrics?.accuracy).toFixed(3)}`),
);
await Promise.all([server.result, joinFederation(server.url, { clients: [{ from: 2, count: 2 }], task, workers: 1 })]);
