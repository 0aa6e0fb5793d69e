import { FedloomError } from '@fedloom/engine/base';
import type { NumberArray } from '../data/arrays.js';
import type { PageSplit } from './given-data.js';
import { IndexedDatabase, keysUnder } from './indexed-database.js';

const DATABASE = 'fedloom-samples';

/** One sample of a page. */
export interface PageSample {
  readonly x: NumberArray;
  /** Its label from 0, or its target. */
  readonly y: number;
}

/** Samples that outlive the page. */
export interface StoredSamples {
  /** Adds one; settles when it is kept. @throws FedloomError `browser.samples`: it is not like the others; `browser.storage` */
  add(sample: PageSample): Promise<void>;
  /** In the order in which they came. */
  all(): readonly PageSample[];
  /** @throws FedloomError `browser.storage` */
  clear(): Promise<void>;
}

/**
 * Samples of this page's origin in IndexedDB, by a name of yours. Where the browser has none for this page, they are gone with it.
 * @throws FedloomError `browser.storage`
 */
export async function storedSamples(name: string): Promise<StoredSamples> {
  const database = await IndexedDatabase.open(DATABASE);
  const samples = ((await database?.read((store) => store.getAll(keysUnder(name)))) ?? []) as PageSample[];
  return {
    async add(sample) {
      checkAlike([...samples.slice(0, 1), sample]);
      samples.push(sample);
      await database?.write((store) => store.put(sample, [name, performance.timeOrigin + performance.now()]));
    },
    all: () => [...samples],
    async clear() {
      samples.length = 0;
      await database?.write((store) => store.delete(keysUnder(name)));
    },
  };
}

/**
 * Samples as `joinFederation` takes them.
 * @throws FedloomError `browser.samples`: there are none, or they are not alike
 */
export function splitOf(samples: readonly PageSample[]): PageSplit {
  const [first] = samples;
  if (first === undefined) throw new FedloomError('browser.samples', 'There are no samples to train on: add some.', {});
  checkAlike(samples);
  const { length } = first.x;
  const Kind = first.x.constructor as new (length: number) => Uint8Array;
  const x = new Kind(samples.length * length);
  for (const [at, sample] of samples.entries()) x.set(sample.x as Uint8Array, at * length);
  return { x, y: samples.map(({ y }) => y) };
}

function checkAlike(samples: readonly PageSample[]): void {
  const kindOf = ({ x }: PageSample) => `${x.constructor.name} of ${x.length} numbers`;
  const [first] = samples;
  for (const [at, sample] of samples.entries()) {
    if (!ArrayBuffer.isView(sample.x) || typeof sample.y !== 'number') {
      throw new FedloomError('browser.samples', `Sample ${at} must be { x: a typed array, y: a number }.`, {});
    }
    if (first === undefined || kindOf(sample) === kindOf(first)) continue;
    throw new FedloomError(
      'browser.samples',
      `Sample ${at} is a ${kindOf(sample)}, and those before are each a ${kindOf(first)}: all must be alike.`,
      {},
    );
  }
}
