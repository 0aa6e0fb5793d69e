import { parseArgs } from 'node:util';
import { scenarioOf } from './scenario.js';
import { examine, sweep } from './sweep.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});

if (values.seed !== undefined) {
  const scenario = scenarioOf(Number(values.seed));
  const outcome = await examine(Number(values.seed), values.trace);
  for (const line of outcome.trace) console.log(line);
  console.log(JSON.stringify(scenario, null, 1));
  console.log(
    `events ${outcome.events}, ${(outcome.virtualMs / 1000).toFixed(1)} s, model ${outcome.modelHash}, fingerprint ${outcome.fingerprint >>> 0}`,
  );
  for (const problem of outcome.problems) console.log(`PROBLEM: ${problem}`);
  process.exitCode = outcome.problems.length > 0 ? 1 : 0;
} else {
  process.exitCode = await sweep(Number(values.from), Number(values.seeds), console.log);
}
