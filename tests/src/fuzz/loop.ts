import type { Dice } from '../faults/dice.js';
import type { Coverage } from './coverage.js';
import { mutated } from './mutate.js';
import type { Target } from './target.js';
import { read } from './watched.js';

/** So many inputs are read between two looks at what ran, when nothing new was found for long. */
const BATCH_MAX = 512;
/** How often one goes on from what was found last. */
const NEWEST = 0.3;

export interface LoopOptions {
  readonly target: Target;
  readonly coverage: Pick<Coverage, 'take' | 'hasNew' | 'literals'>;
  readonly dice: Dice;
  /** What to begin with. */
  readonly inputs: readonly Uint8Array[];
  readonly bytesMax: number;
  readonly untilMs: number;
  /** Told before each input is read. */
  readonly onInput: (input: Uint8Array) => void;
}

export interface Found {
  /** Inputs that ran code which those before them had not, in the order in which they came. */
  readonly reaching: readonly Uint8Array[];
  /** The first that showed a bug. */
  readonly bug?: { readonly input: Uint8Array; readonly error: unknown };
  /** How many were read. */
  readonly reads: number;
}

/**
 * Reads inputs, each a change of one that reached code which nothing before it had, until the time is up or one shows a bug. V8 counts
 * what ran; asking it takes longer than most inputs, so that it is asked for many at a time, and for halves of them where something
 * was new.
 */
export async function fuzz(options: LoopOptions): Promise<Found> {
  const { target, coverage, dice, bytesMax, untilMs, onInput } = options;
  const reaching: Uint8Array[] = [];
  let reads = 0;
  let bug: Found['bug'];
  const readAll = async (inputs: readonly Uint8Array[]): Promise<boolean> => {
    for (const input of inputs) {
      reads += 1;
      onInput(input);
      try {
        await read(target, input);
      } catch (error) {
        bug = { input, error };
        return false;
      }
    }
    return true;
  };
  /** Those of the inputs that run something new, found by halves. */
  const look = async (inputs: readonly Uint8Array[]): Promise<void> => {
    const [first] = inputs;
    if (first === undefined || bug !== undefined || !(await readAll(inputs))) return;
    if (inputs.length === 1) {
      if (coverage.take() > 0) reaching.push(first);
      return;
    }
    if (!coverage.hasNew()) return;
    const middle = inputs.length >> 1;
    await look(inputs.slice(0, middle));
    await look(inputs.slice(middle));
  };
  for (const input of options.inputs) await look([input]);
  const words = await coverage.literals();
  const population = (): readonly Uint8Array[] => (reaching.length > 0 ? reaching : [new Uint8Array()]);
  const chosen = () => {
    const all = population();
    const newest = all.at(-1);
    return newest !== undefined && dice.chance(NEWEST) ? newest : dice.pick(all);
  };
  const materials = { dice, words, bytesMax, other: () => dice.pick(population()) };
  for (let batch = 1; bug === undefined && performance.now() < untilMs; ) {
    const known = reaching.length;
    await look(Array.from({ length: batch }, () => mutated(chosen(), materials)));
    batch = reaching.length > known ? Math.max(1, batch >> 1) : Math.min(BATCH_MAX, batch * 2);
  }
  return { reaching, reads, ...(bug !== undefined && { bug }) };
}
