import { elementCount } from '@fedloom/engine/base';

/** As many as numpy takes; more are no array. */
const RANK_MAX = 64;

/** A number, or lists of equal lengths of them. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** ` ("yes")`: what stands in the place of a number. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return typeof value === 'object' && value !== null ? '' : ` (${text.slice(0, 40)})`;
}

/**
 * Nested lists as one row-major list and its shape.
 * @param problem makes the error to throw from a text that continues a sentence naming the lists: `is ragged: ...`
 */
export function flattenNumbers(
  lists: NestedNumbers,
  problem: (text: string) => Error,
): { readonly shape: readonly number[]; readonly values: Float64Array } {
  const shape: number[] = [];
  for (let level: NestedNumbers | undefined = lists; Array.isArray(level); level = level[0]) shape.push(level.length);
  if (shape.length > RANK_MAX) throw problem(`is nested on ${shape.length} levels; at most ${RANK_MAX} are read`);
  // Before memory is taken: what the first of each level would come to may be far more than there is.
  checkLengths(lists, shape, problem);
  const values = new Float64Array(elementCount(shape));
  const place: number[] = [];
  let next = 0;
  const fill = (level: NestedNumbers | undefined, axis: number): void => {
    const at = () => `[${place.slice(0, axis).join(', ')}]`;
    if (axis === shape.length) {
      if (typeof level === 'number' || typeof level === 'bigint') values[next++] = Number(level);
      else throw problem(`holds something else than a number at ${at()}${shown(level)}`);
      return;
    }
    for (const [i, one] of (level as readonly NestedNumbers[]).entries()) {
      place[axis] = i;
      fill(one, axis + 1);
    }
  };
  fill(lists, 0);
  return { shape, values };
}

/** Throws unless all lists of a level are as long as its first. */
function checkLengths(lists: NestedNumbers, shape: readonly number[], problem: (text: string) => Error): void {
  const place: number[] = [];
  const check = (level: NestedNumbers | undefined, axis: number): void => {
    if (axis === shape.length) return;
    if (!Array.isArray(level) || level.length !== shape[axis]) {
      const at = `[${place.slice(0, axis).join(', ')}]`;
      throw problem(`is ragged: its first elements have shape [${shape.join(', ')}], which does not hold at ${at}`);
    }
    if (axis === shape.length - 1) return;
    for (const [i, one] of (level as readonly NestedNumbers[]).entries()) {
      place[axis] = i;
      check(one, axis + 1);
    }
  };
  check(lists, 0);
}
