import { FedloomError } from '@fedloom/engine/base';

/** Which way a metric is better. */
export type Direction = 'min' | 'max';

/** A metric, and which of its values is the best. */
export interface BestRule {
  readonly metric: string;
  readonly direction: Direction;
}

/** `accuracy>=0.97` */
export interface StopRule {
  readonly metric: string;
  readonly operator: '>=' | '<=' | '>' | '<';
  readonly bound: number;
}

/** What is better the smaller it is, unless somebody says otherwise: losses and errors. */
const SMALLER = /loss|error|perplexity|^r?mse$|^mae$|^mape$/i;

/**
 * `accuracy`, or `loss:min` and `f1:max` where the name does not tell: losses and errors are better the smaller they are,
 * everything else the larger.
 * @throws FedloomError `metric.rule`
 */
export function parseBestRule(text: string): BestRule {
  const match = /^([^\s:<>=]+)(?::(min|max))?$/.exec(text);
  const [, metric, direction] = match ?? [];
  if (metric === undefined)
    throw wrong(text, 'the name of a metric, such as accuracy, or with its direction, loss:min');
  return { metric, direction: (direction as Direction | undefined) ?? directionOf(metric) };
}

export function directionOf(metric: string): Direction {
  return SMALLER.test(metric) ? 'min' : 'max';
}

/** @throws FedloomError `metric.rule` */
export function parseStopRule(text: string): StopRule {
  const match = /^\s*([^\s:<>=]+)\s*(>=|<=|>|<)\s*(\S+)\s*$/.exec(text);
  const [, metric, operator, number] = match ?? [];
  const bound = Number(number);
  if (metric === undefined || number === undefined || !Number.isFinite(bound)) {
    throw wrong(text, 'a metric, one of >=, >, <=, < and a number, such as accuracy>=0.97');
  }
  return { metric, operator: operator as StopRule['operator'], bound };
}

export function isBetter(value: number, best: number, direction: Direction): boolean {
  return direction === 'max' ? value > best : value < best;
}

export function isReached(value: number, { operator, bound }: StopRule): boolean {
  switch (operator) {
    case '>=':
      return value >= bound;
    case '<=':
      return value <= bound;
    case '>':
      return value > bound;
    case '<':
      return value < bound;
  }
}

function wrong(text: string, wanted: string): FedloomError {
  return new FedloomError('metric.rule', `"${text}" must be ${wanted}.`, { text });
}
