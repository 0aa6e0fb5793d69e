import { readFile } from 'node:fs/promises';
import { FedloomError } from '@fedloom/engine/base';
import { foundIn } from './targets.js';

/** Which GPU each client is given. */
export interface GpuPlaces {
  /** As `CUDA_VISIBLE_DEVICES` names them; undefined: all that there are. */
  readonly gpus: readonly (string | undefined)[];
  /** The place in `gpus` of a client, from 0. */
  readonly placeOf: (client: number) => number;
}

/** Client i has the GPU at i modulo their number. */
export function gpusInTurn(gpus: readonly (number | string)[] | undefined): GpuPlaces {
  const names = gpus?.map(String) ?? [undefined];
  return { gpus: names, placeOf: (client) => client % names.length };
}

/**
 * FedML's `gpu_mapping.yaml`: under a key, for each host how many processes each of its GPUs has, in the order of ranks. Rank 0 is
 * the server; clients beyond the last begin again with the first. Host names say nothing here: a client is where it was started.
 * @param file `gpu_mapping.yaml`, or with the key of the mapping: `gpu_mapping.yaml:mapping_config1`. Default: the first
 * @throws FedloomError `python.gpu-mapping`
 */
export async function mappedGpus(file: string, folders: readonly string[]): Promise<GpuPlaces> {
  const [, name = file, key] = /^(.*\.ya?ml):([^:/]+)$/.exec(file) ?? [];
  const path = foundIn(name, folders);
  const problem = (why: string, cause?: unknown) =>
    new FedloomError('python.gpu-mapping', `The GPU mapping ${path}: ${why}`, { path }, { cause });
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw problem(cause.code === 'ENOENT' ? 'there is no such file.' : cause.message, cause);
  });
  // Loaded here, since few read one.
  const { parse } = await import('yaml');
  let mappings: unknown;
  try {
    mappings = parse(text);
  } catch (cause) {
    throw problem((cause as Error).message, cause);
  }
  const known = isRecord(mappings) ? Object.keys(mappings) : [];
  const chosen = key ?? known[0] ?? 'mapping_default';
  const hosts = isRecord(mappings) ? mappings[chosen] : undefined;
  if (!isRecord(hosts)) throw problem(`there is no mapping ${chosen}. It has: ${known.join(', ') || 'none'}.`);
  const ofRanks = Object.entries(hosts).flatMap(([host, counts]) => {
    if (Array.isArray(counts) && counts.every((count) => Number.isSafeInteger(count) && count >= 0)) {
      return counts.flatMap((count: number, gpu) => Array.from({ length: count }, () => String(gpu)));
    }
    throw problem(`${chosen}.${host} must be a list of numbers of processes, one for each GPU, such as [2, 2].`);
  });
  const ofClients = ofRanks.length > 1 ? ofRanks.slice(1) : ofRanks;
  if (ofClients.length === 0) throw problem(`${chosen} has no processes.`);
  const gpus = [...new Set(ofClients)];
  return { gpus, placeOf: (client) => gpus.indexOf(ofClients[client % ofClients.length] ?? '') };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
