/** Started by mpirun: rank 0 asks the suite of transports, and writes a line of JSON for each case. `self` or `relay`. */
import { transportSuite } from 'fedloom/testing';
import { openMpi } from '../index.js';
import { dialThroughRelay, relay } from './relay.js';

const mpi = await openMpi();
const relayed = process.argv[2] === 'relay';
if (mpi.rank === 0) {
  const dial = relayed ? dialThroughRelay(mpi) : mpi.dial;
  const lifeline = relayed ? await mpi.dial(mpi.urlOf(1)) : undefined;
  for (const { name, run } of transportSuite(() => ({ listen: mpi.listen, dial, nowhere: mpi.urlOf(mpi.size) }))) {
    const error = await run().then(
      () => undefined,
      (reason: unknown) => String(reason),
    );
    process.stdout.write(`${JSON.stringify({ name, error })}\n`);
  }
  lifeline?.close();
} else if (relayed) {
  await relay(mpi);
}
await mpi.close();
