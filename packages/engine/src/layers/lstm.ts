import type { Value } from '../graph/value.js';
import { type RecurrentOptions, recurrent } from './recurrent.js';
import type { Layer } from './types.js';

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997; with a forget gate, Gers et al. 2000): samples `[steps, features]` to the
 * state of the last step `[units]`, or to those of all steps. As torch.nn.LSTM with `batch_first`: `weight_ih_l0` is
 * `[4 * units, features]`, `weight_hh_l0` `[4 * units, units]`, `bias_ih_l0` and `bias_hh_l0` `[4 * units]`, with the gates in the
 * order input, forget, cell, output; further layers end in `_l1` and so on.
 */
export function lstm(units: number, options: RecurrentOptions = {}): Layer {
  return recurrent(
    {
      kind: 'lstm',
      gates: 4,
      carries: 2,
      inputBias: (g, { inputBias, hiddenBias }) => g.add(inputBias, hiddenBias),
      step(g, product, [state, memory], { hidden }) {
        const gates = g.add(g.matmul(state!, hidden, { transposeB: true }), product);
        const [input, forget, candidate, output] = g.split(gates, 1, [units, units, units, units]) as [
          Value,
          Value,
          Value,
          Value,
        ];
        const kept = g.mul(g.sigmoid(forget), memory!);
        const next = g.add(kept, g.mul(g.sigmoid(input), g.tanh(candidate)));
        return [g.mul(g.sigmoid(output), g.tanh(next)), next];
      },
    },
    units,
    options,
  );
}
