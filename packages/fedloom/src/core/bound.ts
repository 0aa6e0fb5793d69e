import { FedloomError } from '@fedloom/engine/base';

/** The most that something may be: a number, so many times what is usual, or whichever of both is less. Null: no such bound. */
export interface Bound {
  readonly absolute: number | null;
  readonly times: number | null;
}

const NUMBER = /^(\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * `25` or 25: no more than that; `10x`: no more than ten times what is usual; `10x,25`: neither; `none`: as much as one likes.
 * @param name of the option, for the message
 * @throws FedloomError `bound.syntax`
 */
export function parseBound(given: number | string, name: string): Bound {
  if (given === 'none') return { absolute: null, times: null };
  let absolute: number | null = null;
  let times: number | null = null;
  for (const part of String(given).split(',')) {
    const text = part.trim();
    const isTimes = /x$/i.test(text);
    const digits = isTimes ? text.slice(0, -1) : text;
    const value = NUMBER.test(digits) ? Number(digits) : Number.NaN;
    if (!(value > 0 && value <= Number.MAX_VALUE)) throw wrong(given, name);
    if (isTimes && times === null && value >= 1) times = value;
    else if (!isTimes && absolute === null) absolute = value;
    else throw wrong(given, name);
  }
  return { absolute, times };
}

function wrong(given: number | string, name: string): FedloomError {
  const message =
    `${name} is "${given}"; it must be a number above 0, such as 25; a multiple of what is usual, at least 1x, such as 10x; ` +
    'both, 10x,25; or none.';
  return new FedloomError('bound.syntax', message, { name, text: String(given) });
}
