/**
 * A server, or a client process, whose heart beats fast, so that tests need not wait for minutes: `node party.js <JSON of
 * PartyOptions>`. A server tells its parent where it listens, what happens, and how its run ended.
 */

import { createServer, folderStorage, joinFederation, webSocketDial, webSocketListen } from 'fedloom';
import { DEAD_AFTER_MS, PARTY_SIZE, type PartyOptions, type PartySays, partyTask } from './party-terms.js';

const LINE = { pingEveryMs: 200, deadAfterMs: DEAD_AFTER_MS };
/** Longer than anything here lasts: everybody is waited for. */
const WAIT_MS = 60_000;

const say = (message: PartySays) => process.send?.(message);

async function serve({ host, journal }: NonNullable<PartyOptions['server']>): Promise<void> {
  const server = await createServer(partyTask(), {
    ...PARTY_SIZE,
    workers: 1,
    listeners: [webSocketListen({ host, insecure: true, ...LINE })],
    journal: { storage: await folderStorage(journal) },
    deadlineMs: WAIT_MS,
    graceMs: WAIT_MS,
    // So that there is a middle, in which something can happen.
    checkpoint: () => new Promise((resolve) => setTimeout(resolve, 30)),
  });
  server.run.on('round', ({ round }) => say({ type: 'round', round }));
  server.run.on('clientsLeft', ({ reason }) => say({ type: 'left', reason }));
  say({ type: 'listening', url: server.url });
  const { modelHash } = await server.result;
  say({ type: 'ended', modelHash });
}

async function join({ url, clients }: NonNullable<PartyOptions['client']>): Promise<void> {
  await joinFederation(url, {
    clients,
    task: partyTask(),
    workers: 1,
    dial: webSocketDial(LINE),
    onEvent: (event) => {
      if (event.type === 'retrying') say({ type: 'retrying', reason: event.reason });
    },
  });
  say({ type: 'ended' });
}

process.on('disconnect', () => process.exit(1));
const { server, client } = JSON.parse(process.argv[2] ?? '{}') as PartyOptions;
if (server !== undefined) await serve(server);
if (client !== undefined) await join(client);
process.disconnect();
