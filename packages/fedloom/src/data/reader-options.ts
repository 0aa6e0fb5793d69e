import { FedloomError } from '@fedloom/engine';
import { unknownOption } from '../core/unknown-option.js';

/** What an option must be, as a test and in words. */
export type OptionCheck = readonly [holds: (value: unknown) => boolean, mustBe: string];

export const isText = (value: unknown): value is string => typeof value === 'string';
export const isName = (value: unknown): boolean => isText(value) && value !== '';
export const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
export const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1;
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** Texts, each once. */
export const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every(isText) && new Set(value).size === value.length;
export const isFilledList = (value: unknown): boolean => isTexts(value) && value.length > 0;

/** @throws FedloomError `data.option`, naming the first option at fault; those that are undefined pass */
export function checkOptions(
  options: object,
  checks: Readonly<Record<string, OptionCheck>>,
  reader: string,
  required: readonly string[] = [],
): void {
  if (!isRecord(options)) throw optionError(reader, required[0] ?? '', 'options must be an object { ... }.');
  requireKnown(options, Object.keys(checks), reader);
  for (const [option, [holds, mustBe]] of Object.entries(checks)) {
    const value = options[option];
    if (value !== undefined && !holds(value)) throw optionError(reader, option, `${option} must be ${mustBe}.`);
  }
  for (const option of required) {
    if (options[option] === undefined) {
      throw optionError(reader, option, `${option} is missing; it must be ${checks[option]?.[1]}.`);
    }
  }
}

/** @throws FedloomError `data.option` when they are no object, or there is one of another name */
export function requireKnown(options: unknown, known: readonly string[], reader: string): void {
  if (!isRecord(options)) throw optionError(reader, '', `give an object { ${known.join(', ')} }.`);
  const unknown = unknownOption(options, known);
  if (unknown === undefined) return;
  throw optionError(reader, unknown.name, `there is no option ${unknown.name}.${unknown.advice}`);
}

export function optionError(reader: string, option: string, what: string): FedloomError {
  return new FedloomError('data.option', `${reader}: ${what}`, { reader, option });
}
