import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { defineOptimizer } from './define.js';
import {
  ANY,
  checkChanges,
  checkKnown,
  checkSettings,
  FRACTION,
  type LearningRate,
  learningRateParts,
  POSITIVE,
  type Settings,
} from './optimizer-settings.js';
import { type ParameterInput, type ParameterOutput, perParameter } from './per-parameter.js';
import type { Optimizer } from './types.js';

export interface AdamOptions {
  readonly learningRate: LearningRate;
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of their squares. Default 0.999. */
  readonly beta2?: number;
  /** Added to the denominator. Default 1e-8. */
  readonly epsilon?: number;
  /** Default 0 for `adam` and `yogi`, 0.01 for `adamW`. */
  readonly weightDecay?: number;
}

const SETTINGS: Settings = { beta1: FRACTION, beta2: FRACTION, epsilon: POSITIVE, weightDecay: ANY };

interface Variant {
  readonly name: string;
  readonly weightDecay: number;
  /** Whether the decay is a step of its own, and not part of the gradient. */
  readonly decoupled: boolean;
  /** The next mean of squares from the one before. */
  readonly second: (g: Graph, before: Value, square: Value, beta2: number) => Value;
}

/** What all parameters of a step share: 1 - beta^t of either mean, of step t from 1. */
interface Corrections {
  readonly first: Value;
  readonly second: Value;
}

const decayed: Variant['second'] = (g, before, square, beta2) => g.add(g.mul(before, beta2), g.mul(square, 1 - beta2));

/** Kingma and Ba 2015, arXiv 1412.6980. As torch.optim.Adam; the weight decay is added to the gradient. */
export function adam(options: AdamOptions): Optimizer {
  return variant({ name: 'adam', weightDecay: 0, decoupled: false, second: decayed }, options);
}

/** Adam with decoupled weight decay: Loshchilov and Hutter 2019, arXiv 1711.05101. As torch.optim.AdamW. */
export function adamW(options: AdamOptions): Optimizer {
  return variant({ name: 'adamW', weightDecay: 0.01, decoupled: true, second: decayed }, options);
}

/**
 * Adam whose mean of squares grows by their sign alone: v - (1 - beta2) sign(v - g²) g² (Zaheer et al. 2018, NeurIPS). Both means
 * start at 0, and are corrected as Adam's.
 */
export function yogi(options: AdamOptions): Optimizer {
  const second: Variant['second'] = (g, before, square, beta2) =>
    g.sub(before, g.mul(g.mul(g.sign(g.sub(before, square)), square), 1 - beta2));
  return variant({ name: 'yogi', weightDecay: 0, decoupled: false, second }, options);
}

function variant(kind: Variant, options: AdamOptions): Optimizer {
  const { name } = kind;
  checkKnown(name, options, ['learningRate', ...Object.keys(SETTINGS)]);
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = kind.weightDecay } = options;
  const rate = learningRateParts(name, options.learningRate);
  checkSettings(name, SETTINGS, { beta1, beta2, epsilon, weightDecay });
  const used = { beta1, beta2, epsilon, weightDecay };
  return defineOptimizer({
    name,
    ...rate,
    slots: ['first', 'second'],
    update: perParameter(
      (g, input, corrections: Corrections) => step(g, input, corrections, kind, used),
      (g, { step: before }) => {
        const count = g.add(before(), 1);
        const correction = (beta: number) =>
          beta === 0 ? g.constant(1, 'float32') : g.sub(1, g.exp(g.mul(count, Math.log(beta))));
        return { first: correction(beta1), second: correction(beta2) };
      },
    ),
    hyperparameters: { learningRate: rate.learningRate, ...used },
    with(changes) {
      checkChanges(name, SETTINGS, changes);
      return variant(kind, { ...options, ...changes });
    },
  });
}

function step(
  g: Graph,
  { parameter, gradient: raw, slots, learningRate }: ParameterInput,
  corrections: Corrections,
  { decoupled, second: secondOf }: Variant,
  { beta1, beta2, epsilon, weightDecay }: Readonly<Record<'beta1' | 'beta2' | 'epsilon' | 'weightDecay', number>>,
): ParameterOutput {
  const gradient = decoupled || weightDecay === 0 ? raw : g.add(raw, g.mul(parameter, weightDecay));
  const first = g.add(g.mul(slots.get('first')!, beta1), g.mul(gradient, 1 - beta1));
  const second = secondOf(g, slots.get('second')!, g.square(gradient), beta2);
  const deviation = g.add(g.sqrt(g.div(second, corrections.second)), epsilon);
  const moved = g.mul(g.div(g.div(first, corrections.first), deviation), learningRate);
  const kept = decoupled && weightDecay > 0 ? g.mul(parameter, g.sub(1, g.mul(learningRate, weightDecay))) : parameter;
  return {
    parameter: g.sub(kept, moved),
    slots: new Map([
      ['first', first],
      ['second', second],
    ]),
  };
}
