import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { FedloomError, type PlanManifest } from '@fedloom/engine';
import { type ClientIndex, clientIndex } from '../../core/brands.js';
import { expandRanges } from '../../core/index-ranges.js';
import { namesClient, pathOfClient } from '../../core/path-template.js';
import type { ClientExamples } from '../../data/dataset.js';
import { type Part, readPart } from '../../data/node/part-folder.js';
import type { IndexRange } from '../../protocol/messages.js';
import type { ClientDataSource } from '../data-source.js';

/** Where `partition` puts the samples of one client. */
export function partFolder(dir: string, client: ClientIndex): string {
  return join(dir, `client-${client}`);
}

/**
 * The samples of clients that hold their own data: `dir` is the part folder of a single client, or holds one for each,
 * `client-<index>`, or is a template of each one's (`/data/client_{rank}`). Every part is read and checked at the start, so that a wrong one shows before the first round.
 */
export function partSource(dir: string, clients: readonly IndexRange[]): ClientDataSource {
  const parts = new Map<ClientIndex, Part>();
  const part = (client: ClientIndex) => {
    const found = parts.get(client);
    if (found === undefined) throw new Error(`no part of client ${client} was opened`);
    return found;
  };
  return {
    async open(plan: PlanManifest) {
      const indices = expandRanges(clients);
      const isPart = !namesClient(dir) && (await exists(join(dir, 'part.json')));
      const single = indices.length === 1 && isPart;
      if (isPart && !single) throw onePart(dir, indices.length);
      for (const client of indices) {
        const folder = single ? dir : folderOf(dir, client);
        const part = await readPart(folder, plan.data);
        if (part.index !== Number(client)) throw otherClient(folder, part, client);
        parts.set(client, part);
      }
      if (parts.size === 0) throw new FedloomError('client.no-clients', 'This client process hosts no clients.');
    },
    train: (client): ClientExamples => part(client).train,
    test: (client): ClientExamples | undefined => part(client).test,
  };
}

function folderOf(dir: string, client: ClientIndex): string {
  return namesClient(dir) ? pathOfClient(dir, client) : partFolder(dir, client);
}

function onePart(dir: string, clients: number): FedloomError {
  const message =
    `The folder ${dir} is the part of one client, and this process hosts ${clients}. Give the folder that holds one for each ` +
    `(${partFolder('parts', clientIndex(0))}, ...) with --data, or the one index that belongs to it with --index.`;
  return new FedloomError('part.several', message, { dir, clients });
}

/** Two clients with the same samples would count them twice. */
function otherClient(dir: string, { index: found, clients }: Part, client: ClientIndex): FedloomError {
  const message =
    `The part folder ${dir} is that of client ${found} of ${clients}, as its part.json says, and not of client ${client}. ` +
    'Give each client its own with --data, or the index that belongs to it with --index.';
  return new FedloomError('part.index', message, { dir, found, expected: client });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
