import { FedloomError } from '@fedloom/engine';

/** Random numbers that all tries of one partition may take together: some tenths of a second's. */
const DRAWS_MAX = 200_000;

/** Sizes of the clients' shares as a try left them. */
export interface Try {
  readonly sizes: ArrayLike<number>;
}

export interface MinimumRule {
  /** Of the partition, at the start of messages. */
  readonly name: string;
  readonly samples: number;
  readonly clients: number;
  /** Samples that every client must get. */
  readonly minimum: number;
  /** Random numbers that one try takes. */
  readonly drawsEach: number;
}

/**
 * Tries until every client has the least number of samples. How often it tries is a number and no time, so that the result is a function
 * of the seed; and it ends.
 * @throws FedloomError `partition.samples` when there cannot be enough samples, or no try came out well
 */
export function tryForMinimum<T extends Try>(rule: MinimumRule, once: () => T): T {
  const { name, samples, clients, minimum, drawsEach } = rule;
  if (samples < clients * minimum) {
    const each = minimum === 1 ? 'one' : String(minimum);
    throw new FedloomError(
      'partition.samples',
      `${name}: there are ${samples} training samples for ${clients} clients: each needs ${each} at least. Take fewer clients` +
        `${minimum === 1 ? '' : ' or a smaller minimum'}.`,
      { samples, clients },
    );
  }
  const tries = Math.max(1, Math.floor(DRAWS_MAX / drawsEach));
  let best = 0;
  for (let at = 0; at < tries; at++) {
    const found = once();
    const least = Array.from(found.sizes).reduce((smallest, size) => Math.min(smallest, size), samples);
    if (least >= minimum) return found;
    best = Math.max(best, least);
  }
  throw new FedloomError(
    'partition.samples',
    `${name}: in ${tries} tries some client always got fewer than ${minimum} samples; ${best} was the most that the poorest had. ` +
      'Take a larger alpha, a smaller minimum, or fewer clients.',
    { samples, clients },
  );
}
