import { FedloomError } from '../errors.js';
import { optionsProblem, show } from './layer-checks.js';
import type { Optimizer, OptimizerSettings } from './types.js';

/** In every round, or by round, from 0: then a pure function, such as `(round) => 0.1 * 0.99 ** round`. */
export type LearningRate = number | ((round: number) => number);

/** What a setting may be: true or false, or at least 0 and below a bound; `above`: more than 0. */
export type Setting = 'boolean' | { readonly below: number; readonly above?: true };

export const ANY: Setting = { below: Number.POSITIVE_INFINITY };
export const FRACTION: Setting = { below: 1 };
export const POSITIVE: Setting = { below: Number.POSITIVE_INFINITY, above: true };

export type Settings = Readonly<Record<string, Setting>>;

/**
 * Checks what an optimiser was given.
 * @param settings all there are but the learning rate, with what they may be
 * @param values those settings, defaults included
 * @throws FedloomError `optimizer.option`
 */
export function checkSettings(optimizer: string, settings: Settings, values: OptimizerSettings): void {
  for (const [option, setting] of Object.entries(settings)) checkSetting(optimizer, option, setting, values[option]);
}

/** @throws FedloomError `optimizer.option` for what is no object, or has other settings than these */
export function checkKnown(optimizer: string, options: unknown, known: readonly string[]): void {
  const problem = optionsProblem(optimizer, options, known);
  if (problem !== undefined) throw new FedloomError('optimizer.option', problem, { option: 'options', value: options });
}

/** The parts of an optimiser that follow from its learning rate. @throws FedloomError `optimizer.option` */
export function learningRateParts(
  optimizer: string,
  given: LearningRate,
): Pick<Optimizer, 'learningRate' | 'learningRateOf'> {
  const learningRate = typeof given === 'function' ? given(0) : given;
  checkSetting(optimizer, 'learningRate', ANY, learningRate);
  if (typeof given !== 'function') return { learningRate };
  return {
    learningRate,
    learningRateOf(round) {
      const rate = given(round);
      checkSetting(optimizer, `learningRate of round ${round + 1}`, ANY, rate);
      return rate;
    },
  };
}

/** Settings as a command line changes them. @throws FedloomError `optimizer.option` for one that there is not, or of another kind */
export function checkChanges(optimizer: string, settings: Settings, changes: OptimizerSettings): void {
  const all: Settings = { learningRate: ANY, ...settings };
  for (const [option, value] of Object.entries(changes)) {
    const setting = Object.hasOwn(all, option) ? all[option] : undefined;
    const kind = setting === 'boolean' ? 'boolean' : 'number';
    if (setting !== undefined && typeof value === kind) continue;
    const problem = setting === undefined ? 'there is no such setting' : `it must be a ${kind}`;
    const message = `${optimizer}: cannot set ${option} to ${value}: ${problem} (settings: ${Object.keys(all).join(', ')}).`;
    throw new FedloomError('optimizer.option', message, { option, value });
  }
}

function checkSetting(optimizer: string, option: string, setting: Setting, value: unknown): void {
  if (setting === 'boolean') {
    if (typeof value === 'boolean') return;
    throw outside(optimizer, option, 'true or false', value);
  }
  const { below, above = false } = setting;
  if (typeof value === 'number' && (above ? value > 0 : value >= 0) && value < below) return;
  const least = above ? 'above 0' : 'of at least 0';
  const range = below === Number.POSITIVE_INFINITY ? `a finite number ${least}` : `at least 0 and below ${below}`;
  throw outside(optimizer, option, range, value);
}

/** @throws FedloomError `optimizer.option` for what is no whole number of at least 1 */
export function checkCount(optimizer: string, option: string, value: unknown): void {
  if (Number.isSafeInteger(value) && Number(value) >= 1) return;
  throw outside(optimizer, option, 'a whole number of at least 1', value);
}

function outside(optimizer: string, option: string, mustBe: string, value: unknown): FedloomError {
  const message = `${optimizer}: ${option} is ${show(value)}; it must be ${mustBe}.`;
  return new FedloomError('optimizer.option', message, { option, value });
}
