import { CALM, isBuffered, scenarioOf } from './scenario.js';
import { type Outcome, simulate } from './simulation.js';

const FAILURES_SHOWN = 10;

/** A federation under faults; where all of those counted who were chosen, its model is the one that it makes without. */
export async function examine(seed: number, keepsTrace = false): Promise<Outcome> {
  const scenario = scenarioOf(seed);
  const outcome = await simulate(scenario, keepsTrace);
  if (!outcome.isAsMeant || isBuffered(scenario) || outcome.problems.length > 0) return outcome;
  const calm = await simulate({ ...scenario, faults: CALM, minimumClients: scenario.clients });
  if (calm.problems.length > 0)
    return { ...outcome, problems: calm.problems.map((problem) => `without faults: ${problem}`) };
  if (calm.modelHash === outcome.modelHash) return outcome;
  const problem = `everybody counted who was chosen, and the model is ${outcome.modelHash}; without faults it is ${calm.modelHash}`;
  return { ...outcome, problems: [problem] };
}

/** Simulates many seeds, one after the other. @returns the exit code */
export async function sweep(
  from: number,
  count: number,
  { print, untilFailure = false }: { readonly print: (line: string) => void; readonly untilFailure?: boolean },
): Promise<number> {
  const startedMs = performance.now();
  const faults = new Map<string, number>();
  let [events, virtualMs, failures] = [0, 0, 0];
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = await examine(seed);
    events += outcome.events;
    virtualMs += outcome.virtualMs;
    for (const [kind, times] of outcome.faults) faults.set(kind, (faults.get(kind) ?? 0) + times);
    if (outcome.problems.length === 0) continue;
    failures += 1;
    if (failures <= FAILURES_SHOWN) print(`seed ${seed}: ${told(outcome)}`);
    if (untilFailure) return 1;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  for (const [kind, times] of [...faults].sort()) print(`${String(times).padStart(9)}  ${kind}`);
  print(
    `${count} seeds, ${failures} failed; ${events} events, ${(virtualMs / 3_600_000).toFixed(1)} simulated hours, in ${seconds.toFixed(1)} s.`,
  );
  return failures > 0 ? 1 : 0;
}

function told({ problems }: Outcome): string {
  const [first = ''] = problems;
  return problems.length === 1 ? first : `${first} (and ${problems.length - 1} more)`;
}
