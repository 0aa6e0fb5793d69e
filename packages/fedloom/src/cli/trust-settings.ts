/** How far a run trusts its clients: options of `run`, `server`, `node` and `launch`, kept in `run.json`. */
import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { parseBound } from '../core/bound.js';
import type { RunOptions } from '../server/run/run-options.js';
import { wholeNumber } from './arguments.js';

/** As in `RunOptions`; texts as they were written. */
export type TrustSettings = Pick<RunOptions, 'updateNormMax' | 'sampleCountMax' | 'quarantineAfter' | 'overSelect'>;

/** As the command line has them. */
export type TrustFlags = Omit<TrustSettings, 'quarantineAfter'> & { readonly quarantineAfter?: number | 'none' | null };

export function addTrustOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--update-norm-max <bound>',
        'how large an update may be: a number, a multiple of what was usual in the last rounds (10x), both (10x,25), or none ' +
          '(default: 1000x)',
      ).argParser((text: string) => bound(text, '--update-norm-max')),
    )
    .addOption(
      new Option(
        '--sample-count-max <bound>',
        'how many samples an update may claim, likewise: 100000, 20x (default: none)',
      ).argParser((text: string) => bound(text, '--sample-count-max')),
    )
    .addOption(
      new Option(
        '--quarantine-after <n>',
        'refused updates of a client before it is not asked for some rounds, each time for twice as long; or none (default: 3)',
      ).argParser((text: string) => (text === 'none' ? text : wholeNumber('--quarantine-after', 1)(text))),
    )
    .addOption(
      new Option(
        '--over-select <factor>',
        'ask so many times as many clients as a round needs, such as 1.3: the first that answer count (default: 1)',
      ).argParser(factor),
    );
}

function bound(text: string, name: string): string {
  parseBound(text, name);
  return text;
}

function factor(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 1 && value <= 1000) return value;
  const message = `--over-select must be a number from 1 to 1000, but is "${text}".`;
  throw new FedloomError('usage.value', message, { name: '--over-select', text });
}

/** Those that were given, of whatever has them: parsed options, `run.json`, settings. */
export function trustOf({ updateNormMax, sampleCountMax, quarantineAfter, overSelect }: TrustFlags): TrustSettings {
  return {
    ...(updateNormMax !== undefined && { updateNormMax }),
    ...(sampleCountMax !== undefined && { sampleCountMax }),
    ...(quarantineAfter !== undefined && { quarantineAfter: quarantineAfter === 'none' ? null : quarantineAfter }),
    ...(overSelect !== undefined && { overSelect }),
  };
}

export function trustAsArguments(trust: TrustSettings): string[] {
  const { updateNormMax, sampleCountMax, quarantineAfter, overSelect } = trust;
  const given = {
    '--update-norm-max': updateNormMax,
    '--sample-count-max': sampleCountMax,
    '--quarantine-after': quarantineAfter === null ? 'none' : quarantineAfter,
    '--over-select': overSelect,
  };
  return Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name, `${value}`]));
}
