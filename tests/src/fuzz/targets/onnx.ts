import { checkOnnx } from '../../../../packages/engine/dist/plan/check-onnx.js';
import { decodePlan } from '../../../../packages/engine/dist/plan/encode.js';
import { examplePlan } from '../example-plan.js';
import { type Target, unlessRefused } from '../target.js';

/** The graphs of a plan, before ONNX Runtime sees them. */
export const target: Target = {
  seeds: () => {
    const { train, evaluate } = decodePlan(examplePlan());
    return [train, evaluate];
  },
  run(input) {
    unlessRefused(/^plan\.graph$/, () => checkOnnx('train', input));
  },
};
