import { checkOnnx } from '../../../../packages/engine/dist/plan/check-onnx.js';
import { decodePlan } from '../../../../packages/engine/dist/plan/encode.js';
import { PlanMemory } from '../../../../packages/engine/dist/plan/plan-memory.js';
import { examplePlan } from '../example-plan.js';
import { type Target, unlessRefused } from '../target.js';

const plan = decodePlan(examplePlan());
const { inputs, outputs } = plan.manifest.graphs.train;

/** The graphs of a plan, before ONNX Runtime sees them: their form, and what they would take. */
export const target: Target = {
  seeds: () => [plan.train, plan.evaluate],
  run(input) {
    unlessRefused(/^plan\.graph$/, () => checkOnnx('train', input, { inputs, outputs }));
    unlessRefused(/^plan\.(?:graph|limit|memory)$/, () => new PlanMemory({ ...plan, train: input }).check('train', 60));
  },
};
