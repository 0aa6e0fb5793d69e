import { clientIndex } from '../core/brands.js';
import type { Aggregate, Contribution } from '../update/fold-contract.js';
import { contributionOf, contributionsOf, type FoldCases, foldOnce, foldSpecs } from './fold-inputs.js';
import { check } from './suite.js';
import { valuesOf } from './tensor-values.js';

/** What folds must do that choose or average, beside what every fold must. */
export const averagingFoldCases: FoldCases = {
  'gives one update as it is, unless its rule says that it is too few'({ make }) {
    try {
      make().checkCohort?.(1);
    } catch {
      return;
    }
    checkClose(foldOnce(make(), contributionsOf(1, 1), foldSpecs()), contributionOf(0, 1), 'the fold of one update');
  },

  'gives what all clients agree on'({ make, updates }) {
    const agreed = Array.from({ length: updates }, (_, client) => {
      const { update } = contributionOf(0, 3);
      return { update: { ...update, client: clientIndex(client) }, weight: 1 };
    });
    checkClose(foldOnce(make(), agreed, foldSpecs()), contributionOf(0, 3), 'what all clients agree on');
  },

  "gives values between the clients' smallest and largest"({ make, round }) {
    const contributions = round();
    for (const [name, tensor] of foldOnce(make(), round(), foldSpecs())) {
      const clients = contributions.map((contribution) => valuesIn(contribution, name));
      for (const [i, value] of valuesOf(tensor).entries()) {
        const all = clients.flatMap((values) => values.slice(i, i + 1));
        const [least, most] = [Math.min(...all), Math.max(...all)];
        const slack = 1e-12 * Math.max(...all.map(Math.abs));
        const inside = value >= least - slack && value <= most + slack;
        check(inside, `tensor "${name}" [${i}] is ${value}; the clients' are from ${least} to ${most}`);
      }
    }
  },
};

function valuesIn({ update }: Contribution, name: string): number[] {
  const tensor = update.tensors.get(name);
  return tensor === undefined ? [] : valuesOf(tensor);
}

/** Within a few roundings of float64. */
function checkClose(aggregate: Aggregate, expected: Contribution, what: string): void {
  for (const [name, tensor] of aggregate) {
    const values = valuesIn(expected, name);
    const slack = 1e-15 * Math.max(0, ...values.map(Math.abs));
    for (const [i, value] of valuesOf(tensor).entries()) {
      const should = values[i];
      const close = should !== undefined && Math.abs(value - should) <= slack;
      check(close, `${what}: tensor "${name}" [${i}] is ${value}; it must be ${should}`);
    }
  }
}
