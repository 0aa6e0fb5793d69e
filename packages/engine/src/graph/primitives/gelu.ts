import { dense } from '../../reference/dense.js';
import { makeTensor } from '../constant-data.js';
import type { Primitive, Value } from '../value.js';
import { isFloat } from '../value-type.js';
import { errorFunction } from './error-function.js';

/**
 * x Phi(x), Phi the distribution function of the standard normal. One primitive, with Phi and t = x / sqrt(2) as further results, because
 * its gradient takes them again: of what is written with `erf` alone it would take half as many passes more.
 */
export const gelu: Primitive<undefined> = {
  name: 'gelu',
  inferShape([x], _, problem) {
    if (!isFloat(x!.dtype)) throw problem('takes floats only', 'graph.dtype');
    const { dtype, shape } = x!;
    return [1, 2, 3].map(() => ({ dtype, shape }));
  },
  gradient({ graph, outputs, outputGradients }) {
    const [, phi, t] = outputs as readonly [Value, Value, Value];
    const [d, dPhi, dT] = outputGradients;
    // exp(-t²) / sqrt(pi), the factor taken into the exponent. d(x Phi)/dx = Phi + t times it, dPhi/dx = it / sqrt(2).
    const density = graph.exp(graph.sub(-Math.log(Math.PI) / 2, graph.mul(t, t)));
    const parts = [
      d && graph.mul(graph.add(graph.mul(density, t), phi), d),
      dPhi && graph.mul(graph.mul(density, Math.SQRT1_2), dPhi),
      dT && graph.mul(dT, Math.SQRT1_2),
    ].filter((part) => part !== undefined);
    return [parts.reduce((sum, part) => graph.add(sum, part))];
  },
  evaluate([x]) {
    const t = x!.data.map((value) => value * Math.SQRT1_2);
    const phi = t.map((value) => 0.5 + 0.5 * errorFunction(value));
    const y = x!.data.map((value, at) => value * phi[at]!);
    return [y, phi, t].map((data) => dense(x!.shape, data));
  },
  lower([x], _, { emit, constant, outputs }) {
    const type = outputs[0]!;
    const t = emit('Mul', [x, constant(makeTensor(Math.SQRT1_2, type.dtype))], {}, type);
    // 0.5 erf + 0.5 in one pass: it lies within 0 and 1, where a hard sigmoid is that and nothing else.
    const phi = emit(
      'HardSigmoid',
      [emit('Erf', [t], {}, type)],
      { alpha: { float: 0.5 }, beta: { float: 0.5 } },
      type,
    );
    return [emit('Mul', [x, phi], {}, type), phi, t];
  },
};
