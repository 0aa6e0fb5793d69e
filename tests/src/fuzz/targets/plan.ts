import { decodePlan, encodePlan } from '../../../../packages/engine/dist/plan/encode.js';
import { examplePlan } from '../example-plan.js';
import { check, type Target, unlessRefused } from '../target.js';

/** The file of a plan, as a server sends it and a client keeps it. */
export const target: Target = {
  seeds: () => [examplePlan()],
  run(input) {
    const plan = unlessRefused(/^plan\./, () => decodePlan(input));
    if (plan === undefined) return;
    const again = encodePlan(plan);
    check(Buffer.compare(encodePlan(decodePlan(again)), again) === 0, 'what was read is written as something else');
  },
};
