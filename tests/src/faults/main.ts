import { parseArgs } from 'node:util';
import { MUTANTS } from './mutants.js';
import { MutantHouse } from './mutate.js';
import { scenarioOf } from './scenario.js';
import { examine, sweep } from './sweep.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'until-failure': { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
  },
});

/** One seed again, and what it came to. @returns the exit code */
async function again(seed: number): Promise<number> {
  const { trace, events, virtualMs, modelHash, fingerprint, problems } = await examine(seed, values.trace);
  for (const line of trace) console.log(line);
  console.log(JSON.stringify(scenarioOf(seed), null, 1));
  console.log(
    `${events} events in ${(virtualMs / 1000).toFixed(1)} s; model ${modelHash}; fingerprint ${fingerprint >>> 0}`,
  );
  for (const problem of problems) console.log(`PROBLEM: ${problem}`);
  return problems.length > 0 ? 1 : 0;
}

/** Every deliberate bug, and how many seeds it takes to find it. @returns the exit code */
async function mutants(seedsMax: number): Promise<number> {
  const house = await MutantHouse.build();
  let missed = 0;
  try {
    for (const mutant of MUTANTS) {
      const { seeds, said } = await house.catch(mutant, seedsMax);
      if (seeds === undefined) missed += 1;
      console.log(`| ${mutant.name} | ${seeds ?? `not in ${seedsMax}`} | ${said.slice(0, 100)} |`);
    }
  } finally {
    await house.close();
  }
  return missed > 0 ? 1 : 0;
}

const count = Number(values.seeds);
if (values.mutants) process.exitCode = await mutants(count);
else if (values.seed !== undefined) process.exitCode = await again(Number(values.seed));
else
  process.exitCode = await sweep(Number(values.from), count, {
    untilFailure: values['until-failure'],
    print: console.log,
  });
