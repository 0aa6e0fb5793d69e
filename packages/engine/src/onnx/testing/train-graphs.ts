import { gradients } from '../../graph/gradients.js';
import { Graph } from '../../graph/graph.js';
import { randomTensor, seededRandom } from '../../graph/testing/check-case.js';
import type { Value } from '../../graph/value.js';
import type { Tensor } from '../../tensor.js';

export interface Recipe {
  /** Parameters by name, in the order in which `model` takes them. */
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly pixels: number;
  readonly classes: number;
  readonly model: (g: Graph, x: Value, parameters: readonly Value[]) => Value;
}

function dense(g: Graph, x: Value, w: Value, b: Value): Value {
  return g.add(g.matmul(x, w, { transposeB: true }), b);
}

/** Fully connected layers with relu between them. */
export function perceptron(...widths: readonly number[]): Recipe {
  const layers = widths.slice(1).map((units, index) => [units, widths[index]!] as const);
  return {
    parameters: Object.fromEntries(
      layers.flatMap(([units, inputs], index) => [
        [`w${index}`, [units, inputs]],
        [`b${index}`, [units]],
      ]),
    ),
    pixels: widths[0]!,
    classes: widths.at(-1)!,
    model: (g, x, parameters) =>
      layers.reduce((h, _, index) => {
        const y = dense(g, h, parameters[2 * index]!, parameters[2 * index + 1]!);
        return index < layers.length - 1 ? g.relu(y) : y;
      }, x),
  };
}

/** Two convolutions with pools and two dense layers, on square images of one channel; sizes as in McMahan et al. by default. */
export function convolutional(
  side = 28,
  filters: readonly [number, number] = [32, 64],
  units = 512,
  kernel = 5,
): Recipe {
  const half = Math.floor(side / 2);
  const flat = Math.floor(half / 2) ** 2 * filters[1];
  const margin = (kernel - 1) / 2;
  const block = (g: Graph, x: Value, w: Value, b: Value): Value => {
    const y = g.conv2d(x, w, { strides: [1, 1], padding: [margin, margin, margin, margin] });
    const active = g.relu(g.add(y, g.reshape(b, [w.shape[0]!, 1, 1])));
    return g.maxPool2d(active, { kernel: [2, 2], strides: [2, 2] });
  };
  return {
    parameters: {
      w0: [filters[0], 1, kernel, kernel],
      b0: [filters[0]],
      w1: [filters[1], filters[0], kernel, kernel],
      b1: [filters[1]],
      w2: [units, flat],
      b2: [units],
      w3: [10, units],
      b3: [10],
    },
    pixels: side * side,
    classes: 10,
    model(g, x, [w0, b0, w1, b1, w2, b2, w3, b3]) {
      const images = g.reshape(x, [x.shape[0]!, 1, side, side]);
      const features = block(g, block(g, images, w0!, b0!), w1!, b1!);
      const hidden = g.relu(dense(g, g.reshape(features, [x.shape[0]!, flat]), w2!, b2!));
      return dense(g, hidden, w3!, b3!);
    },
  };
}

/** A client's plain SGD as the plan compiles it: a loop over rows of `order`; padding (-1) is masked. */
export function trainGraph({ parameters, pixels, classes, model }: Recipe): Graph {
  const g = new Graph();
  const initial = Object.entries(parameters).map(([name, shape]) => g.input(name, 'float32', shape));
  const x = g.input('x', 'uint8', ['n', pixels]);
  const y = g.input('y', 'int32', ['n']);
  const order = g.input('order', 'int64', ['steps', 'batch']);
  const valid = g.cast(g.greaterOrEqual(order, 0), 'float32');
  const weights = g.div(valid, g.maximum(g.sum(valid, [1], true), 1));
  const seeds = g.mul(weights, g.neg(g.input('lr', 'float32', [])));
  const targets = g.oneHot(g.gather(y, order), classes);
  const { carried, collected } = g.loopCollecting(g.dim(order, 0), initial, (body, step, values) => {
    const images = body.mul(body.cast(body.gather(x, body.gather(order, step)), 'float32'), 1 / 255);
    const logits = body.scope('model', () => model(body, images, values));
    const loss = body.softmaxCrossEntropy(logits, body.gather(targets, step));
    const steps = gradients(loss, values, body.gather(seeds, step));
    return { carried: values.map((value, index) => body.add(value, steps[index]!)), collected: [logits] };
  });
  for (const [index, name] of Object.keys(parameters).entries()) g.output(`new_${name}`, carried[index]!);
  g.output('losses', g.sum(g.mul(g.softmaxCrossEntropy(collected[0]!, targets), weights), [1]));
  return g;
}

/** Random parameters and data for `trainGraph`; the last batch has two samples of padding. */
export function trainFeeds(recipe: Recipe, steps: number, batch: number): Map<string, Tensor> {
  const random = seededRandom(11);
  const samples = steps * batch - 2;
  const feeds = new Map<string, Tensor>();
  for (const [name, shape] of Object.entries(recipe.parameters)) {
    const inputs = shape.slice(1).reduce((product, extent) => product * extent, 1);
    // Small biases keep relus alive.
    const bound = shape.length === 1 ? 0.05 : 1 / Math.sqrt(inputs);
    feeds.set(
      name,
      randomTensor('float32', shape, random, (u) => (2 * u - 1) * bound),
    );
  }
  feeds.set(
    'x',
    randomTensor('uint8', [samples, recipe.pixels], random, (u) => Math.floor(u * 256)),
  );
  feeds.set(
    'y',
    randomTensor('int32', [samples], random, (u) => Math.floor(u * recipe.classes)),
  );
  const rows = BigInt64Array.from({ length: steps * batch }, (_, index) => BigInt(index < samples ? index : -1));
  feeds.set('order', { dtype: 'int64', shape: [steps, batch], data: rows });
  feeds.set('lr', { dtype: 'float32', shape: [], data: Float32Array.of(0.1) });
  return feeds;
}
