import { FedloomError } from '../errors.js';
import type { Value } from '../graph/value.js';
import { defineLayer } from './define.js';
import { shapeText, show } from './layer-checks.js';
import { applyPart, buildList, buildPart, collecting, type Layers, namedLayers, parametersOf } from './layer-list.js';
import type { Layer } from './types.js';

/** Layers one after the other as one layer: parameters are named as in `sequential`, after the block's own name. */
export function block(layers: Layers): Layer {
  return listed('block', layers);
}

/** Under this name torchvision keeps the layers of a shortcut. */
const SHORTCUT = 'downsample';

/**
 * What the layers make of a sample, plus the sample (He et al. 2016, arXiv 1512.03385); where shapes differ, plus what the shortcut makes
 * of it. The shortcut's parameters are named `downsample.<position>.weight`, as in torchvision.
 * @throws FedloomError `layer.option`; when it is built `layer.shape` where the two do not go together
 */
export function residual(layers: Layers, shortcut?: Layers): Layer {
  const main = listed('residual', layers);
  const beside = shortcut === undefined ? undefined : listed('residual', shortcut);
  return defineLayer({
    kind: 'residual',
    build(inputShape) {
      const way = buildPart('', main, inputShape);
      const other = beside && buildPart(SHORTCUT, beside, inputShape);
      const { outputShape } = way.built;
      const otherShape = other?.built.outputShape ?? inputShape;
      if (shapeText(outputShape) !== shapeText(otherShape)) {
        const what = other === undefined ? 'the sample has' : 'its shortcut gives';
        const message = `residual: its layers give ${shapeText(outputShape)}, and ${what} ${shapeText(otherShape)}: give a shortcut that makes the shapes equal, such as [conv2d(filters, { kernel: 1, stride: 2 })].`;
        throw new FedloomError('layer.shape', message, {
          layer: 'residual',
          expected: shapeText(outputShape),
          inputShape,
        });
      }
      return {
        outputShape,
        parameters: [...parametersOf(way), ...(other === undefined ? [] : parametersOf(other))],
        apply: (g, x, params, context) =>
          collecting((buffers) => {
            const made = applyPart(way, g, x, params, context, buffers);
            return g.add(made, other === undefined ? x : applyPart(other, g, x, params, context, buffers));
          }),
      };
    },
  });
}

/**
 * What several branches make of the same sample, one behind the other along the first axis, the channels. Parameters are named by the
 * branch's position or name: `0.0.weight`.
 */
export function concatenated(branches: readonly Layers[] | Readonly<Record<string, Layers>>): Layer {
  const given = typeof branches === 'object' && branches !== null ? Object.entries(branches) : [];
  if (given.length === 0) {
    const message = `concatenated: the branches are ${show(branches)}; give a list of lists of layers.`;
    throw new FedloomError('layer.option', message, { layer: 'concatenated', option: 'branches', value: branches });
  }
  const lists = given.map(([name, layers]) => [name, listed('concatenated', layers as Layers)] as const);
  return defineLayer({
    kind: 'concatenated',
    build(inputShape) {
      const parts = lists.map(([name, layers]) => buildPart(name, layers, inputShape));
      const [[, ...places] = []] = parts.map(({ built }) => built.outputShape);
      for (const { label, built } of parts) {
        const [channels, ...others] = built.outputShape;
        if (channels !== undefined && shapeText(others) === shapeText(places)) continue;
        const message = `concatenated: the branch ${label} gives ${shapeText(built.outputShape)}, and the first ${shapeText(['channels', ...places])}: all but the channels must be equal.`;
        throw new FedloomError('layer.shape', message, {
          layer: 'concatenated',
          expected: shapeText(places),
          inputShape,
        });
      }
      const channels = parts.reduce((sum, { built }) => sum + (built.outputShape[0] ?? 0), 0);
      return {
        outputShape: [channels, ...places],
        parameters: parts.flatMap(parametersOf),
        apply: (g, x, params, context) =>
          collecting((buffers): Value => {
            const made = parts.map((part) => applyPart(part, g, x, params, context, buffers));
            return g.concat(made, 1);
          }),
      };
    },
  });
}

function listed(kind: string, layers: Layers): Layer {
  const named = namedLayers(kind, layers);
  return defineLayer({ kind, build: (inputShape) => buildList(named, inputShape) });
}
