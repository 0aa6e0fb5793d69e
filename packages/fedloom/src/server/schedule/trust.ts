/**
 * Who is not asked for a while: clients whose updates were refused again and again, and clients that are there and do not answer. It
 * follows from the decisions alone, in their order, so that a run that goes on from its record has it too.
 */
import type { ClientIndex } from '../../core/brands.js';
import type { Uncounted } from './reason-codes.js';
import type { Trust } from './state.js';
import type { BookedDecision, Quarantined, Reason } from './types.js';

/** How long the first quarantine of a client lasts; each further one twice as long. */
const QUARANTINE_ROUNDS = 4;
const QUARANTINE_ROUNDS_MAX = 1024;
/** Of the turns that a silent client loses: 1, 2, 4 and so on. */
const SKIPS_MAX = 64;
/** Who makes a whole round void is soon kept out. */
const VOID_OFFENCES = 2;

/** Refusals that tell of the client: not of a server that went back to an older version, or of its own stages. */
const OFFENCES =
  /^(?:update\.(?:dtype|fact|names|norm|not-finite|sample-count|shape|too-large|weight)|stage\.(?:clip|payload)|safetensors\..*)$/;

/** Nearly every round: shared. */
const NOBODY: readonly never[] = [];

export interface TrustOptions {
  readonly clients: number;
  /** Offences; null: nobody is kept out. */
  readonly quarantineAfter: number | null;
  readonly schedule: { readonly name: string; readonly quorum: number };
}

export function createTrust(): Trust {
  return { offences: new Map(), quarantines: new Map(), silences: new Map() };
}

/** @param code why the server refused an update */
export function isOffence(code: string): boolean {
  return OFFENCES.test(code);
}

/** Why a client is not asked in this round; undefined: it may be. */
export function barOf(trust: Trust, client: ClientIndex, round: number): Reason<Uncounted> | undefined {
  const quarantine = trust.quarantines.get(client);
  if (quarantine !== undefined && round < quarantine.until) {
    const message = `the client is in quarantine until round ${quarantine.until}, for updates that were refused`;
    return { code: 'client.quarantined', message };
  }
  const silence = trust.silences.get(client);
  if (silence === undefined || (silence.skips === 0 && round >= silence.until)) return undefined;
  return { code: 'client.silent', message: 'the client did not answer when it was asked last' };
}

/** Those that are barred, ascending: few. */
export function barredClients(trust: Trust, round: number): ClientIndex[] {
  const known = new Set([...trust.quarantines.keys(), ...trust.silences.keys()]);
  return [...known].filter((client) => barOf(trust, client, round) !== undefined).sort((a, b) => a - b);
}

/** Who is not asked to evaluate what a round made, before it is booked; ascending. */
export function barredEvaluators(trust: Trust, { round, uncounted }: BookedDecision): readonly ClientIndex[] {
  if (uncounted.length === 0 && trust.quarantines.size === 0 && trust.silences.size === 0) return NOBODY;
  const silent = uncounted.flatMap((one) => (one.silent ? [one.client] : []));
  return [...new Set([...barredClients(trust, round), ...silent])].sort((a, b) => a - b);
}

/**
 * Books what a round has decided. Nobody is held to account where more did wrong than right: then it is the model, or the recipe. And
 * as many as a quorum needs are always left to be asked.
 * @returns who is kept out from the next round on
 */
export function bookDecision(trust: Trust, decision: BookedDecision, options: TrustOptions): readonly Quarantined[] {
  const { counted, voidUpdates, uncounted } = decision;
  const isGood = uncounted.length === 0 && voidUpdates.length === 0;
  if (isGood && trust.silences.size === 0) return NOBODY;
  if (trust.silences.size > 0) for (const { client } of [...counted, ...voidUpdates]) trust.silences.delete(client);
  const room = new Room(trust, decision.round + 1, options);
  for (const { client, code, silent } of uncounted) {
    if (code === 'client.silent') loseTurn(trust, client);
    if (silent) bookSilence(trust, client, decision.round + 1, options, room);
  }
  return bookOffences(trust, decision, options, room);
}

/** How many more may be barred. */
class Room {
  #left: number | undefined;

  constructor(
    private readonly trust: Trust,
    private readonly round: number,
    private readonly options: TrustOptions,
  ) {}

  /** @returns whether the client may be barred: it then counts as one that is */
  take(client: ClientIndex): boolean {
    const { trust, round, options } = this;
    if (barOf(trust, client, round) !== undefined) return true;
    this.#left ??= options.clients - barredClients(trust, round).length - options.schedule.quorum;
    if (this.#left <= 0) return false;
    this.#left -= 1;
    return true;
  }
}

function loseTurn({ silences }: Trust, client: ClientIndex): void {
  const silence = silences.get(client);
  if (silence !== undefined) silences.set(client, { ...silence, skips: Math.max(0, silence.skips - 1) });
}

function bookSilence(
  { silences }: Trust,
  client: ClientIndex,
  next: number,
  { schedule }: TrustOptions,
  room: Room,
): void {
  const missed = (silences.get(client)?.missed ?? 0) + 1;
  const skips = room.take(client) ? skipsAfter(missed) : 0;
  const bySampling = schedule.name === 'rounds';
  silences.set(client, { missed, skips: bySampling ? skips : 0, until: bySampling ? 0 : next + skips });
}

/** How many turns a client loses that has missed so many deadlines in a row. */
export function skipsAfter(missed: number): number {
  return Math.min(2 ** (missed - 1), SKIPS_MAX);
}

function bookOffences(
  trust: Trust,
  decision: BookedDecision,
  options: TrustOptions,
  room: Room,
): readonly Quarantined[] {
  const { round, counted, voidUpdates, uncounted, voided } = decision;
  const { quarantineAfter } = options;
  const suspects = new Set<number>(voided?.suspects?.map(({ client }) => client));
  const wrong = [
    ...uncounted.filter(({ offence }) => offence).map(({ client }) => ({ client, offences: 1 })),
    ...voidUpdates
      .filter(({ client }) => suspects.has(client))
      .map(({ client }) => ({ client, offences: VOID_OFFENCES })),
  ];
  const right = counted.length + voidUpdates.length - suspects.size;
  if (quarantineAfter === null || wrong.length > right) return [];
  return wrong.flatMap(({ client, offences }) => {
    const sum = (trust.offences.get(client) ?? 0) + offences;
    trust.offences.set(client, sum);
    if (sum < quarantineAfter || !room.take(client)) return [];
    const times = (trust.quarantines.get(client)?.times ?? 0) + 1;
    const rounds = Math.min(QUARANTINE_ROUNDS * 2 ** (times - 1), QUARANTINE_ROUNDS_MAX);
    trust.offences.delete(client);
    trust.quarantines.set(client, { until: round + 1 + rounds, times });
    return [{ client, rounds }];
  });
}
