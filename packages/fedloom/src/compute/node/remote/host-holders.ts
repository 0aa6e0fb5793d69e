import { FedloomError } from '@fedloom/engine';
import type { PartialSum } from '../../../update/fold-contract.js';
import type { UpdateSpec } from '../../../update/update.js';
import type { HeldContribution, UpdateHolders, UpdateReceipt } from '../../../update/update-holders.js';
import type { RemoteHost } from './remote-host.js';

/** Hosts of workers that keep the updates which their workers train. */
export class HostHolders implements UpdateHolders {
  readonly #hosts: readonly RemoteHost[];
  /** By round: the hosts with updates that count. */
  readonly #added = new Map<number, Set<RemoteHost>>();
  /** Each host's number for what it holds for this pool. */
  readonly #holds = new Map<RemoteHost, number>();

  constructor(hosts: readonly RemoteHost[]) {
    this.#hosts = hosts;
  }

  hold(specs: readonly UpdateSpec[], needsNorm: boolean): void {
    this.release();
    for (const [holder, host] of this.#hosts.entries()) {
      const hold = host.nextHold();
      this.#holds.set(host, hold);
      host.tellHolder({ kind: 'hold', hold, holder, specs, needsNorm });
    }
  }

  /** For which holding a host keeps what its workers train from now on; undefined: it sends whole updates. */
  holdAt(host: RemoteHost): number | undefined {
    return this.#holds.get(host);
  }

  /** Whole updates come again, and hosts forget what they hold. */
  release(): void {
    for (const [host, hold] of this.#holds) host.tellHolder({ kind: 'release', hold });
    this.#holds.clear();
    this.#added.clear();
  }

  add(round: number, { holder, update }: UpdateReceipt, contribution: HeldContribution): void {
    const host = this.#hosts[holder];
    const hold = host && this.#holds.get(host);
    if (host === undefined || hold === undefined) throw new RangeError(`there is no holder ${holder}`);
    const added = this.#added.get(round) ?? new Set();
    this.#added.set(round, added.add(host));
    host.tellHolder({ kind: 'add', hold, round, update, contribution });
  }

  async sums(round: number): Promise<readonly PartialSum[]> {
    const added = this.#added.get(round) ?? new Set();
    this.#added.delete(round);
    for (const [host, hold] of this.#holds) if (!added.has(host)) host.tellHolder({ kind: 'drop', hold, round });
    try {
      const sums = await Promise.all(
        [...this.#holds].filter(([host]) => added.has(host)).map(([host, hold]) => host.sum(hold, round)),
      );
      return sums.filter((sum) => sum !== undefined);
    } catch (error) {
      throw holderLost(error);
    }
  }

  drop(round: number): void {
    this.#added.delete(round);
    for (const [host, hold] of this.#holds) host.tellHolder({ kind: 'drop', hold, round });
  }
}

function holderLost(cause: unknown): FedloomError {
  const how = cause instanceof Error ? cause.message : String(cause);
  const message =
    `Updates that counted are lost with the process that held them: ${how}. What the rounds before have made is on record: ` +
    'resume the run, or run without partial sums, where another process does again what was lost.';
  return new FedloomError('fold.holder-lost', message, { how }, { cause });
}
