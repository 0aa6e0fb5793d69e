import { FedloomError } from '@fedloom/engine';

/** Where it shows: in the settings, before the run; or in a round, of which clients were lost. */
export type TooFewCode = 'fold.too-few' | 'aggregate.too-few';

/**
 * @param rule what is needed, with the arithmetic: `more than 2f + 2 = 4 updates`
 * @param cure what to do instead
 */
export function tooFew(code: TooFewCode, fold: string, updates: number, rule: string, cure: string): FedloomError {
  const found = code === 'fold.too-few' ? `a round has ${updates}` : `this round has ${updates}`;
  return new FedloomError(code, `${fold} needs ${rule}, but ${found}. ${cure}`, { fold, updates });
}
