import { randomBytes } from 'node:crypto';
import { systemClock } from '../../core/clock.js';
import { Lobby, type LobbyParts } from './lobby.js';

/** A lobby with the machine's clock and randomness. */
export function systemLobby(parts: Omit<LobbyParts, 'clock' | 'nonce'> = {}): Lobby {
  return new Lobby({ clock: systemClock, nonce: () => randomBytes(16).toString('hex'), ...parts });
}
