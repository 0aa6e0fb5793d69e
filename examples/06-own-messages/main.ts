// Messages of one's own beside the run's: clients tell the charge of their battery, the server answers.
//   npx jiti examples/06-own-messages/main.ts        (or: node examples/06-own-messages/main.ts, from Node 22.18 on)
import { createServer, handleMessage, joinFederation } from 'fedloom';
import task from '../02-own-trainer/task.ts';
import { advice, battery } from './messages.ts';

const server = await createServer(task, {
  clients: 3,
  clientsPerRound: 3,
  rounds: 5,
  messages: [
    advice,
    handleMessage(battery, ({ percent }, from) => {
      from.send(advice, { text: percent < 20 ? 'plug in' : 'carry on' });
    }),
  ],
});

/** A client that tells its charge each time it connects. */
const device = (index: number, percent: number) =>
  joinFederation(server.url, {
    clients: [{ from: index, count: 1 }],
    task,
    messages: [
      battery,
      handleMessage(advice, ({ text }) => {
        console.log(`client ${index} at ${percent} % is told: ${text}`);
      }),
    ],
    onPeer: (peer) => {
      peer.send(battery, { percent });
    },
  });
/** One that knows nothing of batteries: it is never sent such a message, and takes part like the others. */
const plain = (index: number) => joinFederation(server.url, { clients: [{ from: index, count: 1 }], task });

const [result] = await Promise.all([server.result, device(0, 80), device(1, 12), plain(2)]);
console.log(`${result.status} after ${result.rounds} rounds`);
