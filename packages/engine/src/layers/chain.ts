import { FedloomError } from '../errors.js';
import { defineGradientTransform, defineOptimizer } from './define.js';
import { show } from './layer-checks.js';
import type { ByParameter, GradientTransform, Optimizer, OptimizerSettings } from './types.js';

/**
 * Gradients go through each transform and then to the optimiser: `chain(clipByGlobalNorm(1), adam({ learningRate: 0.001 }))`.
 * The algorithm's own term, where it has one, is part of the gradient from the start.
 * @throws FedloomError `optimizer.option`
 */
export function chain(...links: readonly [...GradientTransform[], Optimizer]): Optimizer {
  const optimizer = links.at(-1) as Optimizer;
  const transforms = links.slice(0, -1) as GradientTransform[];
  if (typeof optimizer?.update !== 'function')
    throw wrongLink(links.length - 1, optimizer, 'an optimizer, such as adam({ learningRate: 0.001 })');
  for (const [at, link] of transforms.entries()) {
    if (typeof link?.transform !== 'function')
      throw wrongLink(at, link, 'a gradient transform, such as clipByGlobalNorm(1)');
  }
  const own = (at: number, slot: string) => `link${at}.${slot}`;
  const { learningRate, hyperparameters, with: changed } = optimizer;
  return defineOptimizer({
    name: `chain(${links.map((link) => link.name).join(', ')})`,
    learningRate,
    ...(optimizer.learningRateOf && { learningRateOf: (round) => optimizer.learningRateOf?.(round) ?? learningRate }),
    slots: [...transforms.flatMap(({ slots }, at) => slots.map((slot) => own(at, slot))), ...optimizer.slots],
    update(g, input) {
      let gradients = input.gradients;
      const kept = new Map<string, ByParameter>();
      for (const [at, { name: link, slots, transform }] of transforms.entries()) {
        const mine = new Map(slots.map((slot) => [slot, input.slots.get(own(at, slot)) as ByParameter]));
        const given = g.scope(`update/${link}`, () => transform(g, { ...input, gradients, slots: mine }));
        gradients = given.gradients;
        for (const slot of slots) kept.set(own(at, slot), given.slots.get(slot) as ByParameter);
      }
      const theirs = new Map(optimizer.slots.map((slot) => [slot, input.slots.get(slot) as ByParameter]));
      const { parameters, slots } = optimizer.update(g, { ...input, gradients, slots: theirs });
      return { parameters, slots: new Map([...kept, ...slots]) };
    },
    hyperparameters: { ...hyperparameters, ...Object.fromEntries(transforms.flatMap((one) => settingsOf(one))) },
    ...(changed && { with: (changes) => chain(...transforms, changed(changes)) }),
  });

  function settingsOf({ name: link, hyperparameters: settings = {} }: GradientTransform) {
    return Object.entries(settings).map(([setting, value]) => [`${link}.${setting}`, value] as const);
  }

  function wrongLink(at: number, link: unknown, wanted: string): FedloomError {
    const message = `chain: link ${at} is ${show(link)}; it must be ${wanted}.`;
    return new FedloomError('optimizer.option', message, { option: `links[${at}]`, value: link });
  }
}

/**
 * Scales all gradients of a step together, so that their l2 norm as one vector is at most `norm` (Pascanu et al. 2013,
 * arXiv 1211.5063). As torch.nn.utils.clip_grad_norm_, without its 1e-6.
 */
export function clipByGlobalNorm(norm: number): GradientTransform {
  const hyperparameters = { norm: checkBound('clipByGlobalNorm', 'norm', norm) };
  return defineGradientTransform({
    name: 'clipByGlobalNorm',
    slots: [],
    transform(g, { gradients }) {
      const squares = [...gradients.values()].map((gradient) =>
        g.sum(
          g.square(gradient),
          gradient.shape.map((_, axis) => axis),
        ),
      );
      const [first, ...others] = squares;
      if (first === undefined) return { gradients, slots: new Map() };
      const total = g.sqrt(others.reduce((sum, square) => g.add(sum, square), first));
      const factor = g.div(norm, g.maximum(total, norm));
      return {
        gradients: new Map([...gradients].map(([name, gradient]) => [name, g.mul(gradient, factor)])),
        slots: new Map(),
      };
    },
    hyperparameters,
  });
}

/** Each element of a gradient is at least -bound and at most bound. As torch.nn.utils.clip_grad_value_. */
export function clipByValue(bound: number): GradientTransform {
  const hyperparameters: OptimizerSettings = { bound: checkBound('clipByValue', 'bound', bound) };
  return defineGradientTransform({
    name: 'clipByValue',
    slots: [],
    transform: (g, { gradients }) => ({
      gradients: new Map(
        [...gradients].map(([name, gradient]) => [name, g.maximum(g.minimum(gradient, bound), -bound)]),
      ),
      slots: new Map(),
    }),
    hyperparameters,
  });
}

function checkBound(transform: string, option: string, value: number): number {
  if (typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY) return value;
  const message = `${transform}: the ${option} is ${show(value)}; it must be a finite number above 0.`;
  throw new FedloomError('optimizer.option', message, { option, value });
}
