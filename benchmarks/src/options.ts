import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Names of workloads; empty: all. */
  readonly workloads: readonly string[];
  /** How often each side is measured, turn by turn. Absent: what the workload thinks right. */
  readonly repeats?: number;
  /** Fewer rounds and one repeat: to see that everything runs, not for figures. */
  readonly quick: boolean;
  readonly markdown: boolean;
  readonly help: boolean;
}

/** @throws Error with a message for people */
export function parseOptions(args: readonly string[], known: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      repeats: { type: 'string' },
      quick: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  for (const name of positionals) {
    if (!known.includes(name)) throw new Error(`no workload is called "${name}"; there are ${known.join(', ')}`);
  }
  const { repeats: text, quick, markdown, help } = values;
  const options = { workloads: positionals, quick, markdown, help };
  if (text === undefined) return options;
  const repeats = Number(text);
  if (!Number.isInteger(repeats) || repeats < 1)
    throw new Error(`--repeats takes a whole number of at least 1, not "${text}"`);
  return { ...options, repeats };
}
