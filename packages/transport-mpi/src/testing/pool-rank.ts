/** Started by mpirun: rank 0 asks the suite of job pools of the other ranks, and writes a line of JSON for each case. */
import { type Connection, hostWorkers, RemoteHost, remotePool, threadPool } from 'fedloom';
import { jobPoolSuite } from 'fedloom/testing';
import { openMpi } from '../index.js';

const mpi = await openMpi();
if (mpi.rank === 0) {
  const others = Array.from({ length: mpi.size - 1 }, (_, at) => mpi.urlOf(at + 1));
  const hosts = await Promise.all(others.map(async (url) => RemoteHost.open(await mpi.dial(url))));
  const create = (workers: number) => remotePool(hosts, { workers });
  for (const { name, run } of jobPoolSuite({ create, reference: threadPool })) {
    const error = await run().then(
      () => undefined,
      (reason: unknown) => String(reason),
    );
    process.stdout.write(`${JSON.stringify({ name, error })}\n`);
  }
  for (const host of hosts) host.close();
} else {
  await new Promise<void>((resolve) => {
    const serve = (connection: Connection) => hostWorkers(connection, { workers: 1 }).then(resolve);
    void mpi.listen(serve);
  });
}
await mpi.close();
