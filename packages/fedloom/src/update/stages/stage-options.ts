import { FedloomError } from '@fedloom/engine/base';
import type { StageOptions } from '../stage-contract.js';

/** What one option of a built-in stage may be: a finite number within bounds. */
export interface StageOptionRule {
  /** Exclusive. */
  readonly above?: number;
  /** Inclusive. */
  readonly min?: number;
  /** Inclusive. */
  readonly max?: number;
}

/**
 * A stage's options, all of which must be given.
 * @throws FedloomError `stage.option` for one that is missing, unknown, no finite number or out of range
 */
export function readStageOptions<Name extends string>(
  stage: string,
  given: StageOptions,
  rules: Readonly<Record<Name, StageOptionRule>>,
): Record<Name, number> {
  const names = Object.keys(rules) as Name[];
  const unknown = Object.keys(given).find((option) => !Object.hasOwn(rules, option));
  if (unknown !== undefined) {
    const message = `Stage ${stage} has no option "${unknown.slice(0, 80)}"; its options are ${names.join(', ')}.`;
    throw new FedloomError('stage.option', message, { stage, option: unknown });
  }
  return Object.fromEntries(
    names.map((name) => [
      name,
      readOption(stage, name, Object.hasOwn(given, name) ? given[name] : undefined, rules[name]),
    ]),
  ) as Record<Name, number>;
}

function readOption(
  stage: string,
  option: string,
  value: StageOptions[string] | undefined,
  rule: StageOptionRule,
): number {
  const { above = Number.NEGATIVE_INFINITY, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = rule;
  if (typeof value === 'number' && Number.isFinite(value) && value > above && value >= min && value <= max)
    return value;
  const bounds = [
    ...(rule.above === undefined ? [] : [`above ${above}`]),
    ...(rule.min === undefined ? [] : [`at least ${min}`]),
    ...(rule.max === undefined ? [] : [`at most ${max}`]),
  ];
  const found = value === undefined ? 'is missing' : `is ${JSON.stringify(value).slice(0, 80)}`;
  const message = `Stage ${stage}: ${option} ${found}; it must be a finite number ${bounds.join(' and ')}.`;
  throw new FedloomError('stage.option', message, { stage, option, value });
}
