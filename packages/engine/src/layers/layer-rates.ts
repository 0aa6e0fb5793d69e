import { FedloomError } from '../errors.js';
import type { Value } from '../graph/value.js';
import { around } from './around-optimizer.js';
import { show } from './layer-checks.js';
import type { ByParameter, Optimizer, OptimizerOutput } from './types.js';

/**
 * Other learning rates for some layers: `layerRates({ 'fc': 10, 'features': 0.1 }, sgd({ learningRate: 0.01 }))`. A key is a
 * parameter's name or what it begins with up to a dot, its number a factor of the learning rate; of several keys the longest holds. As
 * PyTorch's parameter groups. A factor of 0 trains nothing, but what it is for travels: see `frozen`.
 * @throws FedloomError `optimizer.option`; when the plan is compiled for a key that no trained parameter has
 */
export function layerRates(rates: Readonly<Record<string, number>>, optimizer: Optimizer): Optimizer {
  if (typeof rates !== 'object' || rates === null || Array.isArray(rates)) {
    const message = `layerRates: the rates are ${show(rates)}; give an object such as { fc: 10 }.`;
    throw new FedloomError('optimizer.option', message, { option: 'rates', value: rates });
  }
  for (const [key, rate] of Object.entries(rates)) {
    if (typeof rate === 'number' && rate >= 0 && rate < Number.POSITIVE_INFINITY) continue;
    const message = `layerRates: the factor of ${key} is ${show(rate)}; it must be a finite number of at least 0.`;
    throw new FedloomError('optimizer.option', message, { option: key, value: rate });
  }
  const keys = Object.keys(rates).sort((a, b) => b.length - a.length);
  return around(optimizer, {
    name: 'layerRates',
    settings: rates,
    update(g, input, within) {
      const names = [...input.parameters.keys()];
      for (const key of keys) {
        if (names.some((name) => belongs(name, key))) continue;
        const message = `layerRates: no trained parameter is named ${key} or begins with ${key}.; there are ${names.join(', ')}.`;
        throw new FedloomError('optimizer.option', message, { option: key, value: rates[key] });
      }
      const groups = new Map<number, string[]>();
      for (const name of names) {
        const rate = rates[keys.find((key) => belongs(name, key)) ?? ''] ?? 1;
        groups.set(rate, [...(groups.get(rate) ?? []), name]);
      }
      const results = [...groups].map(([rate, group]) =>
        within.update(g, {
          ...input,
          parameters: only(input.parameters, group),
          gradients: only(input.gradients, group),
          slots: new Map([...input.slots].map(([slot, values]) => [slot, only(values, group)])),
          learningRate: rate === 1 ? input.learningRate : g.mul(input.learningRate, rate),
        }),
      );
      const joined = (of: (result: OptimizerOutput) => ByParameter) =>
        only(new Map(results.flatMap((result) => [...of(result)])), names);
      return {
        parameters: joined(({ parameters }) => parameters),
        slots: new Map(within.slots.map((slot) => [slot, joined(({ slots }) => slots.get(slot) ?? new Map())])),
      };
    },
  });
}

function belongs(name: string, key: string): boolean {
  return name === key || name.startsWith(`${key}.`);
}

function only(values: ByParameter, names: readonly string[]): ByParameter {
  return new Map(names.map((name) => [name, values.get(name) as Value]));
}
