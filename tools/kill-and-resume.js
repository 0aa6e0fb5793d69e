// Kills the server, a client process or both of a served run at random moments, with SIGKILL, starts them again, and compares
// the model with that of a run that nobody killed: `node tools/kill-and-resume.js [kills=30] [seed]`. Needs `npm run build`.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../packages/fedloom/bin/fedloom.cjs', import.meta.url));
const SIZE = ['8', '4', '100'];
const CLIENTS = ['0-2', '3-7'];
/** A kill comes so long after the last at most; a process takes about half a second to start. */
const WITHIN_MS = 2000;
const RUN_LIMIT_MS = 120_000;

// SCAFFOLD keeps state at the server and at the clients: whatever is lost or taken twice changes the model.
const TASK = `
import { accuracy, arrays, defineTask, dense, RandomStream, scaffold, sequential, sgd, softmaxCrossEntropy } from 'fedloom';
const random = RandomStream.of(7, 'clouds');
const centres = Array.from({ length: 18 }, () => random.normal());
function draw(count) {
  const y = Int32Array.from({ length: count }, (_, i) => i % 3);
  const x = Float32Array.from({ length: count * 6 }, (_, i) => centres[y[Math.floor(i / 6)] * 6 + (i % 6)] + random.normal());
  return { x: { dtype: 'float32', shape: [count, 6], data: x }, y: { dtype: 'int32', shape: [count], data: y } };
}
export default defineTask({
  name: 'clouds',
  data: arrays({ name: 'clouds', train: draw(600), test: draw(150), classes: 3 }),
  model: sequential([dense(3)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  algorithm: scaffold(),
  training: { localEpochs: 1, batchSize: 8, optimizer: sgd({ learningRate: 0.1 }) },
});
`;

const kills = Number(process.argv[2] ?? 30);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 32);
const draw = mulberry32(seed);
const folder = await mkdtemp(join(tmpdir(), 'fedloom-kill-'));
/** Whatever is alive. */
const alive = new Set();
process.on('exit', () => {
  for (const { child } of alive) child.kill('SIGKILL');
});

try {
  await writeFile(join(folder, 'task.js'), TASK);
  const wanted = finishedHash(await start(['run', 'task.js', ...SIZE, '--out', 'whole', '--json']).ended);
  console.log(`seed ${seed}: ${kills} kills; the run that nobody kills has ${wanted}`);
  let wrong = 0;
  for (let killed = 0, run = 0; killed < kills; run += 1) {
    const { hash, victims, out } = await killedRun(run, kills - killed);
    killed += victims.length;
    if (hash !== wanted) {
      wrong += 1;
      console.log(await firstDifference(out));
    }
    console.log(
      `run ${run + 1}: ${hash === wanted ? 'equal' : `WRONG, ${hash}`} after ${victims.join(', ') || 'no kill'}`,
    );
  }
  console.log(wrong === 0 ? 'All are equal.' : `${wrong} runs are wrong: seed ${seed}.`);
  process.exitCode = wrong === 0 ? 0 : 1;
} finally {
  for (const { child } of alive) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}

/** One run, with at most so many kills until it is through. */
async function killedRun(run, killsMax) {
  const port = await freePort();
  const out = `runs-${run}`;
  const waits = ['--deadline', '600', '--grace', '600'];
  const serve = () =>
    start([
      'server',
      'task.js',
      ...SIZE,
      '--listen',
      `127.0.0.1:${port}`,
      '--out',
      out,
      ...waits,
      '--resume',
      '--json',
    ]);
  const join_ = (index) =>
    start([
      'client',
      'task.js',
      '--server',
      `ws://127.0.0.1:${port}`,
      '--index',
      index,
      '--state-dir',
      `states-${run}`,
    ]);
  let server = serve();
  const clients = CLIENTS.map(join_);
  const victims = [];
  const untilMs = performance.now() + RUN_LIMIT_MS;
  while (victims.length < killsMax) {
    if (await endsWithin(server, draw() * WITHIN_MS)) break;
    const who = ['server', 'client', 'both'][Math.floor(draw() * 3)];
    const which = Math.floor(draw() * clients.length);
    // The order is left to chance too.
    if (who !== 'client') await kill(server);
    if (who !== 'server') await kill(clients[which]);
    if (who !== 'client') server = serve();
    if (who !== 'server') clients[which] = join_(CLIENTS[which]);
    victims.push(who === 'server' ? who : `${who} ${CLIENTS[which]}`);
  }
  if (!(await endsWithin(server, untilMs - performance.now()))) {
    throw new Error(
      `seed ${seed}: run ${run + 1} does not end, after ${victims.join(', ')}:\n${said(server, ...clients)}`,
    );
  }
  const hash = finishedHash(await server.ended);
  // Who was killed when the others were told that the run is over looks for a server that is no more.
  await Promise.all(clients.map(async (client) => (await endsWithin(client, 1000)) || kill(client)));
  return { hash, victims, out };
}

/** The first round that came out differently, as both runs tell it. */
async function firstDifference(out) {
  const [wanted, found] = await Promise.all(['whole', out].map(roundsOf));
  const at = wanted.findIndex((round, i) => round.version.hash !== found[i]?.version.hash);
  return `round ${at + 1}:\n  ${JSON.stringify(wanted[at])}\n  ${JSON.stringify(found[at])}`;
}

async function roundsOf(out) {
  const [run] = await readdir(join(folder, out));
  const lines = (await readFile(join(folder, out, run, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

function start(args) {
  const child = spawn(process.execPath, [COMMAND, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const command = { child, args, stdout: '', stderr: '', ended: undefined };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      command[name] += text;
    });
  }
  alive.add(command);
  command.ended = new Promise((resolve) => {
    child.once('close', (code) => {
      alive.delete(command);
      resolve({ ...command, code });
    });
  });
  return command;
}

async function kill({ child, ended }) {
  child.kill('SIGKILL');
  await ended;
}

async function endsWithin({ ended }, ms) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, ms));
  });
  try {
    return await Promise.race([ended.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The hash that a command with `--json` says at its end; one that failed is told in full. */
function finishedHash(command) {
  const last = command.stdout.trim().split('\n').at(-1);
  const event = command.code === 0 ? JSON.parse(last) : {};
  if (event.event === 'finished') return event.modelHash;
  throw new Error(`seed ${seed}: the command ended with ${command.code}:\n${said(command)}`);
}

function said(...commands) {
  return commands
    .map(({ args, stdout, stderr }) => `fedloom ${args.join(' ')}\n${stdout.slice(-2000)}${stderr}`)
    .join('\n');
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Mulberry32, by Tommy Ettinger: 32 bits of state, for choices that can be repeated. @returns numbers in [0, 1) */
function mulberry32(start) {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}
