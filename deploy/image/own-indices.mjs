// Prints the clients that this node hosts, as `fedloom client --index` takes them.
//   CLIENTS         clients of the whole federation
//   COMPUTE_NODES   how many nodes share them
//   NODE_INDEX      this node's place, from 0; without it, by the name that Compose or Kubernetes gave the node
import { resolvePtr } from 'node:dns/promises';
import { hostname, networkInterfaces } from 'node:os';
import { indicesOf, placeOf, reverseName } from './client-indices.mjs';

async function namesInNetwork() {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const addresses = own.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
  const names = await Promise.allSettled(addresses.map((address) => resolvePtr(reverseName(address))));
  return names.flatMap((found) => (found.status === 'fulfilled' ? found.value : []));
}

function wholeNumber(name) {
  const text = process.env[name] ?? '';
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`${name} must be a whole number, and ${text === '' ? 'is not set' : `"${text}" is none`}.`);
}

async function ownPlace() {
  if (process.env.NODE_INDEX) return wholeNumber('NODE_INDEX');
  const names = await namesInNetwork();
  const place = placeOf(hostname(), names);
  if (place !== undefined) return place;
  throw new Error(
    `Nothing says which of the compute nodes this is: the host is called ${hostname()}, ` +
      `and its network calls it ${names.join(', ') || 'nothing'}. Set NODE_INDEX, from 0.`,
  );
}

try {
  const clients = wholeNumber('CLIENTS');
  const nodes = wholeNumber('COMPUTE_NODES');
  process.stdout.write(`${indicesOf(await ownPlace(), nodes, clients)}\n`);
} catch (error) {
  process.stderr.write(`compute-node: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
