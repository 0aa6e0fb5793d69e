import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import type { Evaluation } from '../core/evaluation.js';
import type { Results } from '../core/records.js';
import type { ParamsLike, TensorLike } from '../task/params-like.js';
import { type ClientResults, ownEvaluation } from '../task/result-aggregator.js';

/** Tensors with arrays of their own: whoever gets them may write into them and keep them. */
export function copyTensors(tensors: NamedTensors): Map<string, Tensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() } as Tensor]));
}

/** What a trainer was given to keep and to change. */
export interface GivenTensors {
  readonly tensors: Map<string, Tensor>;
  /** What the trainer returned, with the source in place of each given tensor that it never read, and so never changed. */
  unread(params: ParamsLike): ParamsLike;
}

/**
 * As `copyTensors`, but each array is copied when it is first read: for a thousand clients that look at few of them, copies
 * would cost more than all else in a round. The sources must never change.
 */
export function giveTensors(sources: NamedTensors): GivenTensors {
  const sourceOf = new Map<TensorLike, Tensor>();
  const give = (source: Tensor): Tensor => {
    const { dtype, shape } = source;
    const settle = (data: Tensor['data']) => {
      sourceOf.delete(tensor);
      Object.defineProperty(tensor, 'data', { value: data, writable: true, enumerable: true, configurable: true });
      return data;
    };
    const tensor = {
      dtype,
      shape: [...shape],
      get data() {
        return settle(source.data.slice());
      },
      set data(own) {
        settle(own);
      },
    } as Tensor;
    sourceOf.set(tensor, source);
    return tensor;
  };
  const tensors = new Map([...sources].map(([name, source]) => [name, give(source)]));
  return {
    tensors,
    unread(params) {
      if (sourceOf.size === 0) return params;
      const entries: [string, TensorLike][] = params instanceof Map ? [...params] : Object.entries(params);
      return new Map(entries.map(([name, value]) => [name, sourceOf.get(value) ?? value]));
    },
  };
}

/**
 * What a trainer's test returned, as it stands now.
 * @param who whose trainer it is, at the start of a message @throws FedloomError `client.results` when it is nothing of the kind
 */
export function testedEvaluation(tested: unknown, who: string): Evaluation {
  if (typeof tested === 'object' && tested !== null) {
    const own = tested as ClientResults;
    return ownEvaluation({ ...own, results: copyResults(own.results) });
  }
  throw new FedloomError(
    'client.results',
    `${who} returned ${String(tested)} from test: it must be { sampleCount, results }.`,
  );
}

/** Results as they stand now: a test may go on with the lists that it returned. What are no named results stays as it is. */
function copyResults(results: Results): Results {
  if (typeof results !== 'object' || results === null || Array.isArray(results)) return results ?? {};
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, copyList(value)]));
}

function copyList(value: Results[string]): Results[string] {
  if (Array.isArray(value)) return [...value];
  return ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value;
}
