// What an attack costs an honest run: the processor time of the server's process for each round, without and with the attack, and the
// most memory that it has above its start. The server has a core to itself, attackers and honest clients share another; attackers come
// from an address of their own and begin again whenever they are cut. Linux, after `npm run build`.
//   node tools/under-attack.js [plan|join|bodies|evaluations|failures ...] [--rounds 100]
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createServer, folderStorage, joinFederation } from 'fedloom';
import { HONEST, sizeFor, tasks } from '../tests/dist/integration/attacked-tasks.js';
import { RawClient } from '../tests/dist/integration/raw-client.js';

const WARM_UP_ROUNDS = 10;
const ATTACKER_ADDRESS = '127.0.0.2';
const SERVER_CORE = 0;
const OTHER_CORE = 1;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const enter = (url) => RawClient.enter(url, ATTACKER_ADDRESS);

/** Says the same so many times, as fast as the line takes it, and reads nothing meanwhile. */
async function shout(evil, count, message) {
  evil.deaf = true;
  let gone = false;
  void evil.closed.then(() => {
    gone = true;
  });
  for (let i = 0; i < count && !gone; i += 1) {
    evil.send(message(i));
    while (evil.unsentBytes > 1 << 20 && !gone) await pause(1);
    if (i % 64 === 0) await pause(0);
  }
  evil.deaf = false;
}

const attacks = {
  plan: {
    what: '1: 100 connections ask for the plan again and again and take nothing',
    ...{ task: 'plan', clients: 204, connections: 100 },
    async once(url) {
      const evil = await enter(url);
      const { workload } = await evil.next('welcome');
      await shout(evil, 50, () => ({ type: 'getPlan', hash: workload.hash }));
      await evil.closed;
    },
  },
  join: {
    what: '1: the holder of 200 clients joins again and again and takes nothing',
    ...{ task: 'plan', clients: 204, connections: 1 },
    async once(url) {
      const clients = Array.from({ length: 100 }, (_, i) => ({ from: HONEST + 2 * i, count: 1 }));
      const evil = await enter(url);
      await evil.next('welcome');
      await shout(evil, 20_000, () => ({ type: 'join', clients }));
      evil.kill();
    },
  },
  bodies: {
    what: '2: 100 connections announce bodies that nobody asked for',
    ...{ task: 'plan', clients: 204, connections: 100 },
    async once(url) {
      const base = { model: 'model', number: 0, hash: `sha256:${'0'.repeat(64)}` };
      const facts = { sampleCount: 1, stepCount: 1 };
      const evil = await enter(url);
      await evil.next('welcome');
      await shout(evil, 128, (i) => ({
        ...{ type: 'update', task: i, attempt: 0, client: i % HONEST, base, facts, trainMs: 1 },
        body: { stream: i + 1, bytes: 1 << 20 },
      }));
      await evil.next('decline', ({ stream }) => stream === 128);
      evil.kill();
    },
  },
  evaluations: {
    what: '3: the holder of 2,000 clients answers evaluations with 8,096 numbers for each',
    ...{ task: 'own', clients: 2_000 + HONEST, connections: 1, evaluateEvery: 10 },
    async once(url) {
      const list = Array.from({ length: 4_096 }, (_, i) => (i % 2) + 0.5);
      const results = { a: list, b: list.slice(0, 4_000) };
      const evil = await enter(url);
      await evil.next('welcome');
      evil.send({ type: 'join', clients: [{ from: HONEST, count: 2_000 }] });
      for (;;) {
        const { round } = await evil.next('evaluate');
        for (let client = HONEST; client < 2_000 + HONEST; client += 1) {
          evil.send({ type: 'evaluations', round, entries: [{ client, sampleCount: 1, statistics: {}, results }] });
        }
      }
    },
  },
  failures: {
    what: '10: 10 connections that never joined report failures of 4 kB',
    ...{ task: 'plan', clients: 204, connections: 10 },
    async once(url) {
      const failed = {
        type: 'failed',
        task: 0,
        attempt: 0,
        phase: 'train',
        code: 'attack.text',
        message: 'x'.repeat(4_000),
      };
      const evil = await enter(url);
      await evil.next('welcome');
      await shout(evil, 1_000, (i) => ({ ...failed, client: i % HONEST }));
      evil.kill();
    },
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    role: { type: 'string', default: 'all' },
    rounds: { type: 'string', default: '100' },
    attack: { type: 'string', default: '' },
    url: { type: 'string', default: '' },
    journal: { type: 'string', default: '' },
  },
});
const { url } = values;
const rounds = Number(values.rounds);
const attack = attacks[values.attack];
if (values.role === 'server') await serve();
else if (values.role === 'honest') await honest();
else if (values.role === 'attacker') await Promise.all(Array.from({ length: attack.connections }, attackAgain));
else await measure(positionals.length === 0 ? Object.keys(attacks) : positionals);

async function serve() {
  const { task, clients, evaluateEvery = 0 } = attack;
  const server = await createServer(tasks[task], {
    ...{ ...sizeFor(clients, rounds), workers: 1, evaluateEvery },
    journal: { storage: await folderStorage(values.journal) },
  });
  const memory = () => process.resourceUsage().maxRSS * 1024;
  const startBytes = memory();
  const usedMs = [];
  const startedMs = [];
  server.run.on('round', () => {
    const { user, system } = process.cpuUsage();
    usedMs.push((user + system) / 1000);
    startedMs.push(performance.now());
  });
  process.send({ url: server.url });
  const { modelHash } = await server.result;
  const perRound = (at) => (at[rounds - 1] - at[WARM_UP_ROUNDS - 1]) / (rounds - WARM_UP_ROUNDS);
  const result = { cpuMs: perRound(usedMs), wallMs: perRound(startedMs), megabytes: (memory() - startBytes) / 1e6 };
  process.send({ ...result, modelHash });
  process.disconnect();
}

async function honest() {
  await joinFederation(url, { clients: [{ from: 0, count: HONEST }], task: tasks[attack.task], workers: 1 });
}

async function attackAgain() {
  for (;;) {
    await attack.once(url).catch(() => {});
    await pause(0);
  }
}

function start(role, core, more) {
  const given = Object.entries({ ...values, role, ...more }).map(([name, value]) => `--${name}=${value}`);
  const args = ['-c', `${core}`, process.execPath, fileURLToPath(import.meta.url), ...given];
  const child = spawn('taskset', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const next = () => new Promise((resolve, reject) => child.once('message', resolve).once('exit', reject));
  return { next, kill: () => child.kill('SIGKILL') };
}

async function runOnce(name, attacked) {
  const folder = mkdtempSync(join(tmpdir(), 'fedloom-attack-'));
  const server = start('server', SERVER_CORE, { attack: name, journal: join(folder, 'journal') });
  const others = [];
  try {
    const { url } = await server.next();
    if (attacked) {
      others.push(start('attacker', OTHER_CORE, { attack: name, url }));
      await pause(2_000);
    }
    others.push(start('honest', OTHER_CORE, { attack: name, url }));
    return await server.next();
  } finally {
    for (const other of others) other.kill();
    server.kill();
    rmSync(folder, { recursive: true });
  }
}

async function measure(names) {
  for (const name of names) {
    const alone = await runOnce(name, false);
    const attacked = await runOnce(name, true);
    const [a, b] = [alone, attacked].map(({ cpuMs, wallMs }) => `${cpuMs.toFixed(1)} of ${wallMs.toFixed(1)} ms`);
    const times = `${(attacked.cpuMs / alone.cpuMs).toFixed(1)}x: ${a} alone, ${b} under attack`;
    const hash = attacked.modelHash === alone.modelHash ? 'equal hash' : 'ANOTHER HASH';
    process.stdout.write(
      `${attacks[name].what}\n  processor time a round ${times}; ${attacked.megabytes.toFixed(0)} MB above start (${alone.megabytes.toFixed(0)} MB alone); ${hash}\n`,
    );
  }
}
