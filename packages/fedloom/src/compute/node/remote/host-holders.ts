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

  constructor(hosts: readonly RemoteHost[]) {
    this.#hosts = hosts;
  }

  hold(specs: readonly UpdateSpec[], needsNorm: boolean): void {
    for (const [holder, host] of this.#hosts.entries()) host.tellHolder({ kind: 'hold', holder, specs, needsNorm });
  }

  add(round: number, { holder, update }: UpdateReceipt, contribution: HeldContribution): void {
    const host = this.#hosts[holder];
    if (host === undefined) throw new RangeError(`there is no holder ${holder}`);
    const added = this.#added.get(round) ?? new Set();
    this.#added.set(round, added.add(host));
    host.tellHolder({ kind: 'add', round, update, contribution });
  }

  async sums(round: number): Promise<readonly PartialSum[]> {
    const added = this.#added.get(round) ?? new Set();
    this.#added.delete(round);
    for (const host of this.#hosts) if (!added.has(host)) host.tellHolder({ kind: 'drop', round });
    try {
      const sums = await Promise.all([...added].map((host) => host.sum(round)));
      return sums.filter((sum) => sum !== undefined);
    } catch (error) {
      throw holderLost(error);
    }
  }

  drop(round: number): void {
    this.#added.delete(round);
    for (const host of this.#hosts) host.tellHolder({ kind: 'drop', round });
  }
}

function holderLost(cause: unknown): FedloomError {
  const how = cause instanceof Error ? cause.message : String(cause);
  const message =
    `Updates that counted are lost with the process that held them: ${how}. What the rounds before have made is on record: ` +
    'resume the run, or run without partial sums, where another process does again what was lost.';
  return new FedloomError('fold.holder-lost', message, { how }, { cause });
}
