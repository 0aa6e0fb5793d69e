// What clients that have nothing to do cost a server: the memory of its process, before they came and when all of them have joined,
// each over a connection of its own and with a proof of who it is.
//   node tools/idle-clients.js [clients [ws-token|ws-key|wss-key]]
// Needs `ulimit -n` above the number of clients.
import { fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { acceptKeys, acceptTokens, createServer, defineTask, proveKey, proveToken, webSocketDial } from 'fedloom';
import { issueCertificate, makeAuthority } from '../packages/fedloom/dist/cli/certs/issue.js';
import { decodeFrame, encodeControl } from '../packages/fedloom/dist/protocol/codec.js';
import { answerChallenge, clientHello } from '../packages/fedloom/dist/protocol/handshake.js';

/** Processes that hold the clients. */
const HOSTS = 2;
/** Of one process, on their way in at a time. */
const AT_ONCE = 16;
const SETTLE_MS = 5_000;

const [role = '10000', given] = process.argv.slice(2);
const roles = { server: serve, host };
await (roles[role]?.(JSON.parse(given)) ?? measure(Number(role), given));

async function serve({ clients, tls, keys, tokens }) {
  // Nobody trains here: one client never comes.
  const task = defineTask({
    name: 'idle',
    trainer: () => ({
      getModelParams: () => ({ w: new Float32Array(1) }),
      setModelParams: () => {},
      train: () => ({ sampleCount: 1 }),
      test: () => ({ results: {}, sampleCount: 0 }),
    }),
  });
  const server = await createServer(task, {
    ...{ clients: clients + 1, clientsPerRound: 1, minimumClients: clients + 1, rounds: 1 },
    connectionsMax: clients + 100,
    connectionsPerAddressMax: clients,
    auth: keys === undefined ? [acceptTokens(tokens)] : [acceptKeys(keys)],
    ...(tls && { tls }),
  });
  let present = 0;
  server.run.on('clientsJoined', (joined) => {
    present = joined.present;
  });
  process.on('message', () => process.send({ present, ...memory() }));
  process.send({ url: server.url });
}

async function host({ url, from, count, ca, key, token }) {
  const dial = webSocketDial({ connectTimeoutMs: 120_000, ...(ca && { tls: { ca } }) });
  const auth = key === undefined ? proveToken(token) : proveKey(key);
  for (let at = from; at < from + count; at += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, from + count - at) }, (_, i) => at + i);
    await Promise.all(some.map(async (client) => enter(await dial(url), auth, client)));
  }
  process.send({ joined: true });
}

function enter(connection, auth, client) {
  const software = 'idle-clients';
  return new Promise((resolve, reject) => {
    connection.bind({
      frame: (frame) => {
        const { message } = decodeFrame(frame);
        const { binding } = connection;
        const say = (answer) => connection.send(encodeControl(answer));
        if (message.type === 'challenge') {
          say(answerChallenge(message, { software, methods: [auth], ...(binding && { binding }) }).reply);
        } else if (message.type === 'welcome') say({ type: 'join', clients: [{ from: client, count: 1 }] });
        else if (message.type === 'joined') resolve();
        else reject(new Error(JSON.stringify(message)));
      },
      drained: () => {},
      closed: (reason) => reject(new Error(reason)),
    });
    connection.send(encodeControl(clientHello({ software })));
  });
}

function memory() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const of = (name) => (Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) * 1024) / 1e6;
  return { most: of('VmHWM'), now: of('VmRSS') };
}

async function measure(clients, chosen) {
  const folder = mkdtempSync(join(tmpdir(), 'fedloom-idle-'));
  const authority = await makeAuthority('idle', 1);
  const tls = await issueCertificate(authority, { name: 'server', hosts: ['127.0.0.1'], days: 1 });
  const { privateKey } = generateKeyPairSync('ed25519');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const keys = join(folder, 'known');
  writeFileSync(keys, `ed25519:${privateKey.export({ format: 'jwk' }).x} name=client\n`, { mode: 0o600 });
  const token = `0123456789ab.${'A'.repeat(43)}`;
  const tokens = join(folder, 'tokens');
  writeFileSync(tokens, `${token} name=client\n`, { mode: 0o600 });
  try {
    for (const [name, server, client] of [
      ['ws-token', { tokens }, { token }],
      ['ws-key', { keys }, { key }],
      ['wss-key', { keys, tls }, { key, ca: authority.certificate }],
    ].filter(([name]) => chosen === undefined || name === chosen)) {
      const { before, idle } = await fill(clients, server, client);
      const line = `${idle.present} idle clients, ${name}:`.padEnd(34);
      const text = `${idle.now.toFixed(0)} MB, at most ${idle.most.toFixed(0)} MB; ${before.now.toFixed(0)} MB before they came`;
      process.stdout.write(`${line}${text}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function fill(clients, server, client) {
  const serving = start('server', { clients, ...server });
  const { url } = await serving.next();
  const before = await serving.ask();
  const share = Math.ceil(clients / HOSTS);
  const hosts = Array.from({ length: HOSTS }, (_, i) => {
    const from = i * share;
    return start('host', { url, from, count: Math.min(share, clients - from), ...client });
  });
  await Promise.all(hosts.map((each) => each.next()));
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const idle = await serving.ask();
  for (const each of [serving, ...hosts]) each.kill();
  return { before, idle };
}

function start(name, input) {
  const child = fork(fileURLToPath(import.meta.url), [name, JSON.stringify(input)]);
  const next = () =>
    new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`the process '${name}' ended with ${code}`)));
    });
  return {
    next,
    ask() {
      const answer = next();
      child.send('memory');
      return answer;
    },
    kill: () => child.kill(),
  };
}
