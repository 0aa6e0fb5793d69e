/** What the retained message at a run's `server` topic says. */
export interface Presence {
  readonly version: 1;
  /** The server's name: a new one whenever it connects to the broker. */
  readonly server: string;
  /** `closed`: it takes nobody in any more; `lost`: it vanished, says the broker. */
  readonly state: 'open' | 'closed' | 'lost';
}

const PRESENCE_BYTES_MAX = 1024;

export function encodePresence(presence: Presence): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(presence));
}

/** Undefined where it is none, also where it was taken away. */
export function decodePresence(payload: Uint8Array): Presence | undefined {
  if (payload.length > PRESENCE_BYTES_MAX) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined;
  }
  const { version, server, state } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Presence>;
  if (version !== 1 || typeof server !== 'string') return undefined;
  return state === 'open' || state === 'closed' || state === 'lost' ? { version, server, state } : undefined;
}
