/** Started by mpirun on two ranks: a federation that trains nothing, of one client. Argument: rounds to measure. */
import { openMpi } from '@fedloom/transport-mpi';
import { createServer, joinFederation } from 'fedloom';
import { noopTask } from '../noop-task.js';
import { roundsFor, watchRounds } from '../round-watch.js';
import { median } from '../stats.js';

const ELEMENTS = 10;
const rounds = roundsFor(Number(process.argv[2]));
const task = noopTask(ELEMENTS);
const mpi = await openMpi();
if (mpi.rank === 0) {
  const options = { clients: 1, clientsPerRound: 1, rounds, evaluateEvery: 0, listeners: [mpi.listen] };
  const { run } = await createServer(task, options);
  const bytes: number[] = [];
  run.on('round', ({ bytesUp, bytesDown }) => bytes.push((bytesUp + bytesDown) / 2));
  const watched = await watchRounds(run);
  console.log(JSON.stringify({ ms: median(watched.map(({ ms }) => ms)), bytesEachWay: Math.ceil(median(bytes)) }));
} else {
  await joinFederation(mpi.urlOf(0), { clients: [{ from: 0, count: 1 }], task, dial: { mpi: mpi.dial } });
}
await mpi.close();
