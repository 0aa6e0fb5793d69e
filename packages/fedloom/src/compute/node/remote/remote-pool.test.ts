import { describe, expect, it, test } from 'vitest';
import { plainJobs } from '../../../conformance/job-pool-jobs.js';
import { jobPoolSuite } from '../../../conformance/job-pool-suite.js';
import { clientIndex, hashFrom, versionNumber } from '../../../core/brands.js';
import { decodeSafetensors } from '../../../core/safetensors.js';
import { VERSION } from '../../../core/version.js';
import type { Connection } from '../../../protocol/transport.js';
import { memoryTransport } from '../../../transport/memory/memory-transport.js';
import { decodeReceipt, type HeldContribution, type UpdateReceipt } from '../../../update/update-holders.js';
import { threadPool } from '../thread-pool.js';
import { FrameLine } from './frame-line.js';
import type { ToHost } from './host-messages.js';
import { RemoteHost } from './remote-host.js';
import { remotePool } from './remote-pool.js';
import { hostWorkers } from './worker-host.js';

/** A host in this process, which sees what it is sent as another process would. */
async function openHost(
  workers = 1,
): Promise<{ readonly host: RemoteHost; readonly line: Connection; readonly ended: Promise<void> }> {
  const transport = memoryTransport();
  let ended: Promise<void> = Promise.resolve();
  const listener = transport.listen((connection) => {
    ended = hostWorkers(connection, { workers });
  });
  const line = await transport.dial(listener.url);
  return { host: await RemoteHost.open(line), line, ended };
}

describe('a pool of workers at other ends of connections', async () => {
  const hosts = [(await openHost()).host, (await openHost()).host];
  const create = (workers: number) => remotePool(hosts, { workers });
  for (const { name, run } of jobPoolSuite({ create, reference: threadPool })) test(name, run);
});

describe('a pool of workers here and there', async () => {
  const { host } = await openHost();
  const create = (workers: number) => remotePool([host], { local: 1, workers });
  for (const { name, run } of jobPoolSuite({ create, reference: threadPool })) test(name, run);
});

it('goes on with the workers that are left when a host is gone, and gives its jobs to them', async () => {
  const [one, two] = [await openHost(), await openHost()];
  const pool = remotePool([one.host, two.host]);
  const jobs = await plainJobs();
  await pool.load(jobs.plan);
  const before = await jobs.train(pool, 0, [0, 1, 2]);
  const many = Array.from({ length: 20 }, (_, client) => jobs.train(pool, client, [client, 2]));
  two.line.close('cut');
  expect((await Promise.all(many)).length).toBe(20);
  expect((await jobs.train(pool, 0, [0, 1, 2])).update).toEqual(before.update);
  await pool.close();
  one.host.close();
  await Promise.all([one.ended, two.ended]);
});

it('fails by name when no host is left', async () => {
  const { host, line, ended } = await openHost();
  const pool = remotePool([host]);
  const jobs = await plainJobs();
  await pool.load(jobs.plan);
  line.close('cut');
  await expect(jobs.train(pool, 0, [0])).rejects.toMatchObject({ code: 'compute.worker-lost' });
  await pool.close();
  await ended;
});

it('tells of updates that counted and are lost with their host', async () => {
  const { host, line, ended } = await openHost();
  const pool = remotePool([host]);
  const { holders } = pool;
  const jobs = await plainJobs();
  await pool.load(jobs.plan);
  const { update } = await jobs.train(pool, 0, [0]);
  const tensors = [...decodeSafetensors(update)];
  const specs = tensors.map(
    ([name, { shape, dtype }]) => ({ name, shape, dtype, fold: 'mean', kind: 'trained' }) as const,
  );
  holders?.hold(specs, false);
  const { update: receipt } = await jobs.train(pool, 1, [1, 5]);
  holders?.add(0, decodeReceipt(receipt) as UpdateReceipt, contribution(1));
  line.close('cut');
  await expect(holders?.sums(0)).rejects.toMatchObject({
    code: 'fold.holder-lost',
    message: expect.stringContaining('cut'),
  });
  await pool.close();
  await ended;
});

it('loses a host that is told to add what it does not hold, and says why', async () => {
  const { host, ended } = await openHost();
  const pool = remotePool([host]);
  const found = { magnitudes: new Float64Array(), norms: new Float64Array() } as UpdateReceipt['found'];
  pool.holders?.hold([], false);
  pool.holders?.add(0, { holder: 0, update: 7, found }, contribution(1));
  await expect(pool.holders?.sums(0)).rejects.toMatchObject({
    code: 'fold.holder-lost',
    message: expect.stringContaining('update 7 is not held here'),
  });
  await pool.close();
  await ended;
});

it('tells of a sum that cannot be read', async () => {
  const transport = memoryTransport();
  const listener = transport.listen((connection) => {
    const line = new FrameLine(connection, {
      message: (value) => {
        if ((value as ToHost).kind === 'sum') line.send({ kind: 'sum', count: 1, tensors: Uint8Array.of(1, 2, 3) });
      },
      closed: () => {},
    });
    line.send({ kind: 'offer', workers: 1, version: VERSION });
  });
  const host = await RemoteHost.open(await transport.dial(listener.url));
  host.tellHolder({ kind: 'hold', hold: host.nextHold(), holder: 0, specs: [], needsNorm: false });
  await expect(host.sum(1, 0)).rejects.toThrow('sent a sum that cannot be read');
  host.close();
});

function contribution(client: number): HeldContribution {
  const base = { model: 'global', number: versionNumber(0), hash: hashFrom(`sha256:${'0'.repeat(64)}`) };
  return { update: { client: clientIndex(client), base, task: 0, attempt: 1, facts: { sampleCount: 2 } }, weight: 2 };
}

it('refuses an end that hosts no workers', async () => {
  const transport = memoryTransport();
  const listener = transport.listen((connection) => {
    connection.bind({ frame: () => {}, drained: () => {}, closed: () => {} });
    connection.close('wrong door');
  });
  await expect(transport.dial(listener.url).then((line) => RemoteHost.open(line))).rejects.toMatchObject({
    code: 'compute.host',
    message: expect.stringContaining('wrong door'),
  });
});
