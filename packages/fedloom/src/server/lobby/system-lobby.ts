import { randomBytes } from 'node:crypto';
import { systemClock } from '../../core/clock.js';
import type { ServerAuth } from '../../protocol/handshake.js';
import { Lobby } from './lobby.js';

/** A lobby with the machine's clock and randomness. @param auth how clients prove who they are; default: nobody is asked */
export function systemLobby(auth?: readonly ServerAuth[]): Lobby {
  return new Lobby({ clock: systemClock, nonce: () => randomBytes(16).toString('hex'), ...(auth && { auth }) });
}
