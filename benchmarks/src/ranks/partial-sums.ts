/**
 * Started by mpirun: a simulation whose clients all train on the other ranks. Rank 0 writes the model's hash, the time of a round, and the
 * bytes that it received in one, as a line of JSON. Arguments: hidden units, clients a round, rounds, `whole` or `sums`.
 */
import { openMpi } from '@fedloom/transport-mpi';
import {
  arrays,
  type Connection,
  defineTask,
  dense,
  hostWorkers,
  RemoteHost,
  relu,
  remotePool,
  sequential,
  sgd,
  simulate,
  softmaxCrossEntropy,
} from 'fedloom';
import { median } from '../stats.js';

const [hidden = 100, clientsPerRound = 4, rounds = 2] = process.argv.slice(2, 5).map(Number);
const partialSums = process.argv[5] === 'sums';
const mpi = await openMpi();
if (mpi.rank === 0) {
  const samples = clientsPerRound * 2;
  const task = defineTask({
    name: 'bench-partial-sums',
    data: arrays({
      train: {
        x: Array.from({ length: samples }, (_, at) => [at % 2, at % 3]),
        y: Array.from({ length: samples }, (_, at) => at % 2),
      },
      classes: 2,
    }),
    model: sequential([dense(hidden), relu(), dense(hidden), relu(), dense(2)]),
    loss: softmaxCrossEntropy(),
    training: { localEpochs: 1, batchSize: 2, optimizer: sgd({ learningRate: 0.1 }) },
  });
  let received = 0;
  const others = Array.from({ length: mpi.size - 1 }, (_, at) => mpi.urlOf(at + 1));
  const open = async (url: string) => RemoteHost.open(counting(await mpi.dial(url), (bytes) => (received += bytes)));
  const hosts = await Promise.all(others.map(open));
  const size = { clients: clientsPerRound, clientsPerRound, rounds, evaluateEvery: 0 };
  const run = simulate(task, { ...size, pool: () => remotePool(hosts), partialSums });
  const taken: { readonly ms: number; readonly bytes: number }[] = [];
  let before = 0;
  run.on('round', ({ ms }) => {
    taken.push({ ms: ms.train + ms.aggregate, bytes: received - before });
    before = received;
  });
  const { modelHash } = await run.result;
  // The first warms up; evaluation after the last is in its own time.
  const measured = taken.slice(1);
  const of = (key: 'ms' | 'bytes') => median(measured.map((round) => round[key]));
  console.log(JSON.stringify({ modelHash, ms: of('ms'), bytes: of('bytes') }));
  for (const host of hosts) host.close();
} else {
  await new Promise<void>((resolve) => {
    void mpi.listen((connection) => void hostWorkers(connection, { workers: 1 }).then(resolve));
  });
}
await mpi.close();

function counting(connection: Connection, came: (bytes: number) => void): Connection {
  return {
    get peer() {
      return connection.peer;
    },
    patient: connection.patient,
    get bufferedBytes() {
      return connection.bufferedBytes;
    },
    bind: (handlers) =>
      connection.bind({
        frame: (frame) => {
          came(frame.length);
          handlers.frame(frame);
        },
        drained: () => handlers.drained(),
        closed: (reason) => handlers.closed(reason),
      }),
    send: (frame) => connection.send(frame),
    close: (reason) => connection.close(reason),
  };
}
