import { systemClock } from '../../core/clock.js';
import { randomHex } from '../../core/random-hex.js';
import { Lobby, type LobbyParts } from './lobby.js';

/** A lobby with the machine's clock and randomness. */
export function systemLobby(parts: Omit<LobbyParts, 'clock' | 'nonce'> = {}): Lobby {
  return new Lobby({ clock: systemClock, nonce: () => randomHex(16), ...parts });
}
