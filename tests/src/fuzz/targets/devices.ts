import { readAnswer } from '../../../../packages/fedloom/dist/compute/devices/device-messages.js';
import { fromLists } from '../../../../packages/fedloom/dist/compute/devices/nested-tensors.js';
import { type Target, textOf, unlessRefused, utf8 } from '../target.js';

const SPECS = [
  { name: 'b', dtype: 'float32', shape: [] },
  { name: 'n', dtype: 'int64', shape: [1] },
  { name: 'w', dtype: 'float16', shape: [2, 1] },
] as const;

/** What devices send that speak JSON. */
export const target: Target = {
  seeds: () =>
    [
      '{"msg_type":4,"round_idx":0,"num_samples":"3","model_params":{"b":0.5,"n":[1],"w":[[1],[2]]}}',
      '{"msg_type":"6","num_samples":2,"test_result":{"accuracy":0.5,"loss":[1,2]}}',
      '{"msg_type":4,"num_samples":3,"model_params":"{\\"b\\":[1],\\"w\\":[[1],[2,3]]}"}',
    ].map(utf8),
  run(input) {
    const answer = unlessRefused(/^device\.message$/, () => readAnswer(textOf(input), 1));
    if (answer?.kind !== 'update') return;
    unlessRefused(/^device\.params$/, () => fromLists(answer.params, SPECS, 1));
  },
};
