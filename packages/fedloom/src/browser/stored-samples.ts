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
    async add({ x, y }) {
      checkAlike([...samples.slice(0, 1), { x, y }], samples.length);
      // Whoever gave it may draw over it.
      const sample = { x: x.slice(), y };
      await database?.write((store, refuse) => {
        const first = store.getAll(keysUnder(name), 1);
        const stored = store.count(keysUnder(name));
        const last = store.get([name]);
        last.onsuccess = () => {
          // Another tab may have stored some since this page read them.
          try {
            checkAlike([...(first.result as PageSample[]), sample], stored.result);
          } catch (error) {
            return refuse(error);
          }
          const next = ((last.result as number | undefined) ?? 0) + 1;
          store.put(next, [name]);
          store.put(sample, [name, next]);
        };
      });
      samples.push(sample);
    },
    all: () => [...samples],
    async clear() {
      await database?.write((store) => store.delete(keysUnder(name)));
      samples.length = 0;
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

/** @param lastAt the place of the last, where those between it and the first are known to be alike */
function checkAlike(samples: readonly PageSample[], lastAt = samples.length - 1): void {
  const kindOf = ({ x }: PageSample) => `${x.constructor.name} of ${x.length} numbers`;
  const [first] = samples;
  for (const [index, sample] of samples.entries()) {
    const at = index === samples.length - 1 ? lastAt : index;
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
