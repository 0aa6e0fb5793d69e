import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderSource, replay, simulate } from 'fedloom';
import { Member } from './member.js';
import { PARTY_SIZE, type PartyOptions, type PartySays, partyTask } from './party-terms.js';
import type { Wire } from './wire.js';

const CLIENTS = [[{ from: 0, count: 3 }], [{ from: 3, count: 1 }]] as const;

const member = (options: PartyOptions, within?: readonly string[]) =>
  new Member<PartySays>('party.js', options, within);

let whole: Promise<string> | undefined;

/** The model of the run to which nothing happens. */
export function wholeHash(): Promise<string> {
  whole ??= simulate(partyTask(), { ...PARTY_SIZE, workers: 1 }).result.then(({ modelHash }) => modelHash);
  return whole;
}

/** A server and two client processes, of which one trains most clients; at the two ends of a wire, where there is one. */
export class Party {
  private constructor(
    private readonly folder: string,
    readonly server: Member<PartySays>,
    readonly clients: readonly [Member<PartySays>, Member<PartySays>],
  ) {}

  static async start(wire?: Wire): Promise<Party> {
    const folder = await mkdtemp(join(tmpdir(), 'fedloom-party-'));
    const journal = join(folder, 'journal');
    const server = member({ server: { host: wire?.addresses[0] ?? '127.0.0.1', journal } }, wire?.at(0));
    const { url } = await server.says('listening');
    const [first, second] = CLIENTS.map((clients) => member({ client: { url, clients } }, wire?.at(1)));
    if (first === undefined || second === undefined) throw new Error('there are two client processes');
    return new Party(folder, server, [first, second]);
  }

  /** The model that the run came to. Its journal must come to the same, and its clients must have heard of its end. */
  async outcome(): Promise<string | undefined> {
    const { modelHash } = await this.server.says('ended');
    for (const client of this.clients) await client.says('ended');
    const again = await replay(partyTask(), { journal: folderSource(join(this.folder, 'journal')), workers: 1 });
    const { modelHash: replayed } = await again.result;
    if (replayed !== modelHash) throw new Error(`the run came to ${modelHash}, and its journal to ${replayed}`);
    return modelHash;
  }

  async close(): Promise<void> {
    for (const member of [this.server, ...this.clients]) await member.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
