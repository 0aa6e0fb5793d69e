// What a handshake costs a server: processor time of its process for each connection, from TCP to `welcome`, by what it asks.
//   node tools/handshakes.js [connections]
import { fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { acceptKeys, createServer, defineTask, proveKey, webSocketDial } from 'fedloom';
import { issueCertificate, makeAuthority } from '../packages/fedloom/dist/cli/certs/issue.js';
import { decodeFrame, encodeControl } from '../packages/fedloom/dist/protocol/codec.js';
import { answerChallenge, clientHello } from '../packages/fedloom/dist/protocol/handshake.js';

const [role = '2000', given] = process.argv.slice(2);

/** Nobody trains here. */
const task = defineTask({
  name: 'nothing',
  trainer: () => ({
    getModelParams: () => ({ w: { dtype: 'float32', shape: [1], data: new Float32Array(1) } }),
    setModelParams: () => {},
    train: () => ({ sampleCount: 1 }),
    test: () => ({ results: {}, sampleCount: 0 }),
  }),
});

if (role === 'server') {
  const { tls, known } = JSON.parse(given ?? '{}');
  const auth = known === undefined ? {} : { auth: [acceptKeys(known)] };
  const server = await createServer(task, { clients: 1, clientsPerRound: 1, rounds: 1, ...(tls && { tls }), ...auth });
  process.on('message', () => process.send?.({ cpu: process.cpuUsage() }));
  process.send?.({ url: server.url });
} else await measure(Number(role));

async function measure(connections) {
  const folder = mkdtempSync(join(tmpdir(), 'fedloom-handshakes-'));
  const authority = await makeAuthority('handshakes', 1);
  const tls = await issueCertificate(authority, { name: 'server', hosts: ['127.0.0.1'], days: 1 });
  const { privateKey } = generateKeyPairSync('ed25519');
  const known = join(folder, 'known');
  writeFileSync(known, `ed25519:${privateKey.export({ format: 'jwk' }).x} name=client\n`, { mode: 0o600 });
  const auth = proveKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  try {
    for (const [name, options] of Object.entries({
      'ws, nobody is asked': {},
      'ws and keys': { known },
      'wss and keys': { tls, known },
    })) {
      const cost = await costOf(options, { connections, ca: authority.certificate, auth });
      process.stdout.write(`${name.padEnd(20)} ${cost.toFixed(2)} ms of the server's processor time each\n`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function costOf(options, { connections, ca, auth }) {
  const server = fork(fileURLToPath(import.meta.url), ['server', JSON.stringify(options)]);
  const heard = () => new Promise((resolve) => server.once('message', resolve));
  const used = () => {
    const answer = heard();
    server.send('cpu');
    return answer.then(({ cpu: { user, system } }) => (user + system) / 1000);
  };
  const { url } = await heard();
  // Sessions of TLS are not taken up again: each handshake is a whole one.
  const dial = webSocketDial({ tls: { ca } });
  const shakeAll = async (count) => {
    for (let i = 0; i < count; i += 1) await shake(await dial(url), auth);
  };
  await shakeAll(connections / 4);
  const before = await used();
  await shakeAll(connections);
  const after = await used();
  server.kill();
  return (after - before) / connections;
}

function shake(connection, auth) {
  const software = 'handshakes';
  return new Promise((resolve, reject) => {
    connection.bind({
      frame: (frame) => {
        const { message } = decodeFrame(frame);
        const { binding } = connection;
        if (message.type === 'challenge') {
          const methods = [auth, { name: 'none', prove: () => undefined }];
          connection.send(
            encodeControl(answerChallenge(message, { software, methods, ...(binding && { binding }) }).reply),
          );
        } else if (message.type === 'welcome') connection.close();
        else reject(new Error(JSON.stringify(message)));
      },
      drained: () => {},
      closed: resolve,
    });
    connection.send(encodeControl(clientHello({ software })));
  });
}
