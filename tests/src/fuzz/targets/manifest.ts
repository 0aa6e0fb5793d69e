import { decodePlan } from '../../../../packages/engine/dist/plan/encode.js';
import { examplePlan, manifestOf, withManifest } from '../example-plan.js';
import { type Target, unlessRefused } from '../target.js';

/** What a plan says of itself, in a file that is otherwise whole. */
export const target: Target = {
  seeds: () => [manifestOf(examplePlan())],
  run(input) {
    unlessRefused(/^plan\./, () => decodePlan(withManifest(examplePlan(), input)));
  },
};
