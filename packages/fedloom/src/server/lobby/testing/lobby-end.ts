import type { MessageOptions } from '../../../protocol/own-messages.js';
import { OwnMessages } from '../../../protocol/own-messages.js';
import { TestEnd } from '../../../protocol/testing/channel-pair.js';
import type { Connection } from '../../../protocol/transport.js';
import { memoryTransport } from '../../../transport/memory/memory-transport.js';
import { Lobby, type LobbyParts } from '../lobby.js';
import type { SessionDoor, SessionDoorOptions } from '../session-door.js';
import { HandClock } from './hand-clock.js';

/** A run's door, with what it heard: what came, who has gone, what failed. */
export interface TestDoor {
  readonly door: SessionDoor;
  readonly came: readonly (readonly [session: string, type: string])[];
  readonly gone: readonly (readonly [session: string, reason: string])[];
  readonly failures: readonly unknown[];
}

/** A lobby over the memory transport, and clients of it. */
export function testLobby(limits: Pick<LobbyParts, 'joinTimeoutMs' | 'auth'> = {}) {
  const clock = new HandClock();
  const transport = memoryTransport();
  const accepted: Connection[] = [];
  const lobby = new Lobby({ clock, nonce: () => '00'.repeat(16), ...limits });
  const listener = transport.listen((connection) => {
    accepted.push(connection);
    lobby.accept(connection);
  });
  const dial = async (own?: OwnMessages) =>
    new TestEnd(await transport.dial(listener.url), { role: 'client', ...(own && { registry: own.registry }) });
  /** A client that has said hello and whom it looks for; whether it is let in is up to the lobby. */
  const knock = async (run?: string, own = new OwnMessages('client')) => {
    const client = await dial(own);
    client.channel.send({ type: 'hello', versions: [2], software: 'c', capabilities: own.capabilities });
    client.channel.send({ type: 'auth', method: 'none', ...(run !== undefined && { run }) });
    return client;
  };
  /** A client that is through its handshake. */
  const enter = async (run?: string, own?: OwnMessages) => {
    const client = await knock(run, own);
    await client.messages(2);
    return client;
  };
  return { lobby, clock, transport, listener, accepted, dial, knock, enter };
}

/** Opens the door of a run that does nothing but what `over` says. */
export function openDoor(
  lobby: Lobby,
  run = 'r',
  over: Partial<Pick<SessionDoorOptions, 'onMessage' | 'onClosed' | 'takesPart' | 'bodyBytesMax' | 'budgetBytes'>> &
    MessageOptions = {},
): TestDoor {
  const came: [string, string][] = [];
  const gone: [string, string][] = [];
  const failures: unknown[] = [];
  const door = lobby.openDoor({
    welcome: {
      run,
      software: 's',
      clients: 4,
      seed: 0,
      workload: { kind: 'trainer', task: 't' },
      algorithm: 'FedAvg',
      needs: [],
      stages: [],
    },
    messages: new OwnMessages('server', over),
    bodyBytesMax: over.bodyBytesMax ?? 1 << 20,
    budgetBytes: over.budgetBytes ?? 1 << 20,
    onMessage: (session, message, body) => {
      came.push([session.id, message.type]);
      return over.onMessage?.(session, message, body);
    },
    onClosed: (session, reason) => {
      gone.push([session.id, reason]);
      over.onClosed?.(session, reason);
    },
    onFailure: (error) => failures.push(error),
    ...(over.takesPart && { takesPart: over.takesPart }),
  });
  return { door, came, gone, failures };
}
