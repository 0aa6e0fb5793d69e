// Whether the container does its work: for HEALTHCHECK and for probes. The exit code says it, and one line says why.
// What listens must answer; a client must have its connection; anything else is well while it runs.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const ANSWER_MS = 5000;
/** States of a socket, as the kernel writes them. */
const ESTABLISHED = '01';
const LISTEN = '0A';

const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(read);
const open = sockets.filter(({ local }) => !local.loopback);
const listening = open.filter(({ state }) => state === LISTEN);
const ports = [...new Set(listening.map(({ local }) => local.port))];
const isClient = /\0(client|[^\0]*compute-node)\0/.test(readFileSync('/proc/1/cmdline', 'utf8'));

if (ports.length > 0) {
  const silent = (await Promise.all(ports.map(answers))).flatMap((answered, at) => (answered ? [] : [ports[at]]));
  tell(silent.length === 0, silent.length === 0 ? `port ${ports} answers` : `port ${silent} does not answer`);
} else if (isClient) {
  const connected = open.some(({ state }) => state === ESTABLISHED);
  tell(connected, connected ? 'connected' : 'no connection to the server');
} else {
  tell(true, 'runs');
}

function tell(well, why) {
  process.stdout.write(`${why}\n`);
  process.exit(well ? 0 : 1);
}

function read(table) {
  let text;
  try {
    text = readFileSync(table, 'utf8');
  } catch {
    return [];
  }
  return text.trim().split('\n').slice(1).map(socketOf);
}

/** A line begins: `0: 0100007F:1F90 00000000:0000 0A`, addresses as words of the machine's byte order. */
function socketOf(line) {
  const [, local = '', , state] = line.trim().split(/\s+/);
  const [address = '', port = ''] = local.split(':');
  // 127.0.0.0/8, where the engine's own name server listens too; and ::1.
  const loopback =
    address.length === 8 ? address.endsWith('7F') : address.endsWith('01000000') && /^0{24}/.test(address);
  return { local: { loopback, port: Number.parseInt(port, 16) }, state };
}

/** Any reaction counts, a refusal of this request too: the program behind the port is awake. */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    const done = (answered) => () => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(ANSWER_MS, done(false));
    socket.once('data', done(true)).once('end', done(true)).once('error', done(false));
  });
}
