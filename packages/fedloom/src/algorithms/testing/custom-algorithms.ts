import { type NamedTensors, type Tensor, zeros } from '@fedloom/engine';
import type { FederatedAlgorithm } from '../algorithm.js';
import { defineAlgorithm } from '../define-algorithm.js';

// Two algorithms as a user outside the repository would write them: from the public interface alone.

/** Server momentum: Hsu, Qi, Brown 2019, arXiv 1909.06335. With momentum 0 it is plain SGD on the server. */
export function fedAvgM({ serverLearningRate = 1, momentum = 0.9 }): FederatedAlgorithm {
  return defineAlgorithm({
    name: 'fedAvgM',
    citation: 'Hsu et al. 2019, arXiv 1909.06335',
    server: {
      initialize: (model, trained) => slot('velocity', model, trained),
      update({ model, state, aggregate, trained }) {
        const next = averaged(model, aggregate, trained);
        const velocities = new Map<string, Tensor>();
        for (const name of trained) {
          const [w, delta, old] = [floats(model, name), floats(aggregate, name), floats(state, `velocity/${name}`)];
          // v <- beta v - delta;  w <- w - eta v
          const velocity = map(old, (v, i) => momentum * v - delta[i]!);
          const moved = (i: number) => w[i]! - serverLearningRate * velocity[i]!;
          next.set(
            name,
            like(
              model.get(name)!,
              map(w, (_, i) => moved(i)),
            ),
          );
          velocities.set(`velocity/${name}`, like(state.get(`velocity/${name}`)!, velocity));
        }
        return { model: next, state: velocities };
      },
    },
  });
}

/**
 * Dynamic regularisation: Acar et al. 2021, arXiv 2111.04263, Algorithm 1. A state that stays with the client, a term in its
 * gradient, and a state of the server that does not travel.
 */
export function fedDyn({ alpha }: { alpha: number }): FederatedAlgorithm {
  return defineAlgorithm({
    name: 'fedDyn',
    citation: 'Acar et al. 2021, arXiv 2111.04263',
    weight: () => 1,
    client: {
      terms: {
        algorithm: 'fedDyn',
        scalars: { alpha },
        broadcast: [],
        state: ['gradient'],
        upload: [],
        // Loss L_k(v) - <h_k, v> + alpha/2 ||v - w||^2
        gradientTerm: (g, { parameter, global, state, scalar }) =>
          g.sub(g.mul(scalar('alpha'), g.sub(parameter, global)), state('gradient')),
        // h_k <- h_k - alpha (y - w)
        finish: (g, { parameter, global, state, scalar }) => ({
          upload: {},
          state: { gradient: g.sub(state('gradient'), g.mul(scalar('alpha'), g.sub(parameter, global))) },
        }),
      },
    },
    server: {
      initialize: (model, trained) => slot('h', model, trained),
      update({ model, state, aggregate, trained, clients, totalClients }) {
        const next = averaged(model, aggregate, trained);
        const sums = new Map<string, Tensor>();
        for (const name of trained) {
          const [w, delta] = [floats(model, name), floats(aggregate, name)];
          // h <- h - alpha/m sum_k (y_k - w);  w <- mean(y_k) - h / alpha
          const share = (alpha * clients.length) / totalClients;
          const h = map(floats(state, `h/${name}`), (value, i) => value - share * delta[i]!);
          next.set(
            name,
            like(
              model.get(name)!,
              map(w, (value, i) => value + delta[i]! - h[i]! / alpha),
            ),
          );
          sums.set(`h/${name}`, like(state.get(`h/${name}`)!, h));
        }
        return { model: next, state: sums };
      },
    },
  });
}

/** The buffers as they come of the clients; the trained parameters are put in by the caller. */
function averaged(model: NamedTensors, aggregate: NamedTensors, trained: ReadonlySet<string>): Map<string, Tensor> {
  const next = new Map(model);
  for (const [name, tensor] of model) {
    const found = aggregate.get(name);
    if (trained.has(name) || found === undefined) continue;
    const isDelta = tensor.dtype.startsWith('float');
    next.set(
      name,
      isDelta
        ? like(
            tensor,
            map(floats(model, name), (v, i) => v + floats(aggregate, name)[i]!),
          )
        : found,
    );
  }
  return next;
}

function slot(name: string, model: NamedTensors, trained: ReadonlySet<string>): Map<string, Tensor> {
  return new Map(
    [...trained].map((parameter) => [`${name}/${parameter}`, zeros('float64', model.get(parameter)!.shape)]),
  );
}

function floats(tensors: NamedTensors, name: string): Float32Array | Float64Array {
  return tensors.get(name)!.data as Float32Array | Float64Array;
}

function map(values: Float32Array | Float64Array, change: (value: number, i: number) => number): Float64Array {
  return Float64Array.from(values, change);
}

function like({ dtype, shape }: Tensor, values: Float64Array): Tensor {
  return { dtype, shape, data: dtype === 'float32' ? Float32Array.from(values) : values };
}
