/** Checks of what losses, metrics and optimisers of somebody's own give. */
import { FedloomError } from '../errors.js';
import type { Value } from '../graph/value.js';
import type { Dim } from '../graph/value-type.js';
import { shapeText, show } from '../layers/layer-checks.js';
import type { ByParameter, Optimizer, OptimizerOutput } from '../layers/types.js';

/**
 * What `perSample` gave must be one float32 for each sample.
 * @param samples the dimensions that count samples, such as `[batch]`
 * @throws FedloomError `loss.definition`, `metric.definition`
 */
export function perSampleValue(kind: 'loss' | 'metric', name: string, value: Value, samples: readonly Dim[]): Value {
  if (value?.node !== undefined && value.dtype === 'float32' && value.shape.join() === samples.join()) return value;
  const given = value?.node === undefined ? show(value) : `${value.dtype} ${shapeText(value.shape)}`;
  const message =
    `The ${kind} ${name}: perSample returned ${given}; it must return ${samples.length > 1 && kind === 'metric' ? 'its numbers' : 'one number'} for each sample, float32 ` +
    `${shapeText(samples)}, such as a mean over the other axes.`;
  throw new FedloomError(kind === 'loss' ? 'loss.definition' : 'metric.definition', message, { field: 'perSample' });
}

/** What `update` gave must be all parameters' next values and those of their slots. @throws FedloomError `optimizer.definition` */
export function updatedValues(
  { name, slots }: Pick<Optimizer, 'name' | 'slots'>,
  given: OptimizerOutput,
  parameters: ByParameter,
): OptimizerOutput {
  for (const [parameter, before] of parameters) {
    const fits = (value: Value | undefined) =>
      value?.node !== undefined && value.dtype === before.dtype && value.shape.join() === before.shape.join();
    const whole = given?.parameters instanceof Map && given.slots instanceof Map;
    if (
      whole &&
      fits(given.parameters.get(parameter)) &&
      slots.every((slot) => fits(given.slots.get(slot)?.get(parameter)))
    )
      continue;
    const wanted = slots.length === 0 ? 'slots: new Map()' : `slots: a Map with ${slots.join(', ')}`;
    const message =
      `The optimizer ${name}: update must return { parameters, ${wanted} }, each a Map by parameter, each value of the parameter's ` +
      `type, which is ${before.dtype} ${shapeText(before.shape)} for ${parameter}.`;
    throw new FedloomError('optimizer.definition', message, { field: 'update' });
  }
  return given;
}
