/** Started by mpirun on two ranks: sends over a connection of the MPI transport to and fro. Arguments as of `peers/mpi/ping.c`. */
import { openMpi } from '@fedloom/transport-mpi';
import { type Connection, freeBytes, uninitializedBytes } from 'fedloom';

/** As the protocol cuts what is longer. */
const FRAME_BYTES = 1 << 20;

const sizes = process.argv.slice(2).map(Number);
const mpi = await openMpi();
const line = await connect();
for (let at = 0; at + 1 < sizes.length; at += 2) {
  const [bytes = 0, count = 0] = sizes.slice(at);
  await line.roundTrips(bytes, Math.floor(count / 4) + 1);
  const seconds = await line.roundTrips(bytes, count);
  if (mpi.rank === 0) console.log(JSON.stringify({ bytes, seconds }));
}
line.connection.close();
await mpi.close();

interface Line {
  readonly connection: Connection;
  /** @returns seconds of each */
  roundTrips(bytes: number, count: number): Promise<number>;
}

async function connect(): Promise<Line> {
  const connection = await end();
  /** Bytes that came and were not asked for yet: the first rank may be ahead of the second by a message. */
  let came = 0;
  let wake: () => void = () => {};
  let goOn: () => void = () => {};
  connection.bind({
    frame: (frame) => {
      came += frame.length;
      freeBytes(frame);
      wake();
    },
    drained: () => goOn(),
    closed: () => {},
  });
  /** @param sent called when all is with the transport */
  const send = (bytes: number, sent: () => void) => {
    let left = bytes;
    goOn = () => {
      while (left > 0) {
        const length = Math.min(left, FRAME_BYTES);
        left -= length;
        if (!connection.send(uninitializedBytes(length)) && left > 0) return;
      }
      goOn = () => {};
      sent();
    };
    goOn();
  };
  return {
    connection,
    async roundTrips(bytes, count) {
      const startedMs = performance.now();
      await new Promise<void>((resolve) => {
        let trips = 0;
        wake = () => {
          if (came < bytes) return;
          came -= bytes;
          trips += 1;
          const last = trips === count;
          // What comes before the next series is asked for belongs to that.
          if (last) wake = () => {};
          // The second rank answers, the first asks again.
          if (mpi.rank === 1) send(bytes, () => last && resolve());
          else if (last) resolve();
          else send(bytes, () => {});
        };
        if (mpi.rank === 0) send(bytes, () => {});
        else wake();
      });
      return (performance.now() - startedMs) / 1000 / count;
    },
  };
}

function end(): Promise<Connection> {
  if (mpi.rank === 0) return mpi.dial(mpi.urlOf(1));
  return new Promise((resolve) => void mpi.listen(resolve));
}
