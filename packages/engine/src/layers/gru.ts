import type { Value } from '../graph/value.js';
import { type RecurrentOptions, recurrent } from './recurrent.js';
import type { Layer } from './types.js';

/**
 * Gated recurrent units (Cho et al. 2014, arXiv 1406.1078): samples `[steps, features]` to the state of the last step `[units]`, or to
 * those of all steps. As torch.nn.GRU with `batch_first`: `weight_ih_l0` is `[3 * units, features]`, `weight_hh_l0`
 * `[3 * units, units]`, `bias_ih_l0` and `bias_hh_l0` `[3 * units]`, with the gates in the order reset, update, new; the reset gate
 * is applied to the state's product with its bias, as in PyTorch, not to the state. Further layers end in `_l1` and so on.
 */
export function gru(units: number, options: RecurrentOptions = {}): Layer {
  return recurrent(
    {
      kind: 'gru',
      gates: 3,
      carries: 1,
      inputBias: (_, { inputBias }) => inputBias,
      step(g, product, [state], { hidden, hiddenBias }) {
        const sizes = [units, units, units];
        const own = g.add(g.matmul(state!, hidden, { transposeB: true }), hiddenBias);
        const [resetInput, updateInput, newInput] = g.split(product, 1, sizes) as [Value, Value, Value];
        const [resetState, updateState, newState] = g.split(own, 1, sizes) as [Value, Value, Value];
        const reset = g.sigmoid(g.add(resetInput, resetState));
        const update = g.sigmoid(g.add(updateInput, updateState));
        const candidate = g.tanh(g.add(newInput, g.mul(reset, newState)));
        return [g.add(candidate, g.mul(update, g.sub(state!, candidate)))];
      },
    },
    units,
    options,
  );
}
