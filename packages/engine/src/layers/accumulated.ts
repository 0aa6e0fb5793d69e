import type { Value } from '../graph/value.js';
import { around } from './around-optimizer.js';
import { checkCount } from './optimizer-settings.js';
import type { ByParameter, Optimizer } from './types.js';

const SUM = 'accumulated';

/**
 * One step of the optimiser for every `batches` batches, with the mean of their gradients: as a batch that is so many times as large, in the
 * memory of one. What is left over at the end of a client's training is not used. Gradient accumulation.
 * @throws FedloomError `optimizer.option`
 */
export function accumulated(batches: number, optimizer: Optimizer): Optimizer {
  checkCount('accumulated', 'batches', batches);
  return around(optimizer, {
    name: 'accumulated',
    settings: { batches },
    slots: [SUM],
    update(g, input, within) {
      const { parameters, gradients, slots, step } = input;
      const count = g.div(g.add(step(), 1), batches);
      const whole = g.cast(g.cast(count, 'int32'), 'float32');
      const due = g.equal(count, whole);
      const before = slots.get(SUM) ?? new Map<string, Value>();
      const sums = each(gradients, (gradient, name) => g.add(before.get(name) as Value, gradient));
      const theirs = new Map(within.slots.map((slot) => [slot, slots.get(slot) ?? new Map<string, Value>()]));
      const next = within.update(g, {
        ...input,
        gradients: each(sums, (sum) => g.mul(sum, 1 / batches)),
        slots: theirs,
        // Of its own steps, those before this one.
        step: () => g.sub(whole, g.cast(due, 'float32')),
      });
      const chosen = (now: ByParameter, was: ByParameter) =>
        each(now, (value, name) => g.select(due, value, was.get(name) as Value));
      return {
        parameters: chosen(next.parameters, parameters),
        slots: new Map([
          [SUM, each(sums, (sum) => g.select(due, 0, sum))],
          ...within.slots.map((slot): [string, ByParameter] => [
            slot,
            chosen(next.slots.get(slot) ?? new Map(), theirs.get(slot) ?? new Map()),
          ]),
        ]),
      };
    },
  });
}

function each(values: ByParameter, make: (value: Value, name: string) => Value): ByParameter {
  return new Map([...values].map(([name, value]) => [name, make(value, name)]));
}
